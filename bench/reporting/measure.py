"""What a row of the table measures: a value for every repetition, from the samples of one run.

Samples are {"Pipeline/established/1048576": [{"items_per_second": .., "label": .., ..}, one a repetition]}; names without
Google Benchmark's "/manual_time". What was not measured has a reason instead: {"name": "why"} in `missing`.
"""

from dataclasses import dataclass
from statistics import median

ITEMS = "items_per_second"


class NotMeasured(Exception):
    """The text says why."""


class Samples:
    def __init__(self, by_name=None, missing=None):
        self.by_name, self.missing = by_name or {}, missing or {}

    def add(self, name, sample):
        self.by_name.setdefault(name, []).append(sample)

    def values(self, name, counter):
        """One value a repetition; raises NotMeasured."""
        if name not in self.by_name:
            raise NotMeasured(self.missing.get(name, f"{name} was not run"))
        if any(counter not in sample for sample in self.by_name[name]):
            raise NotMeasured(f"{name} has no counter {counter}")
        return [sample[counter] for sample in self.by_name[name]]

    def labels(self, name):
        return {sample["label"] for sample in self.by_name.get(name, []) if sample.get("label")}


@dataclass
class Ratio:
    """`top` against `bottom`; each a benchmark's name, or (name, counter)."""
    top: object
    bottom: object
    unit: str = ""

    def terms(self):
        return [term if isinstance(term, tuple) else (term, ITEMS) for term in (self.top, self.bottom)]

    def evaluate(self, samples):
        """(value, one value for each pair of repetitions)"""
        tops, bottoms = (samples.values(*term) for term in self.terms())
        return median(tops) / median(bottoms), [a / b for a, b in zip(tops, bottoms)]


@dataclass
class Difference:
    """One counter of a benchmark less another."""
    name: str
    counter: str
    less: str
    unit: str = ""

    def terms(self):
        return [(self.name, self.counter), (self.name, self.less)]

    def evaluate(self, samples):
        each = [a - b for a, b in zip(*(samples.values(*term) for term in self.terms()))]
        return median(each), each


@dataclass
class Value:
    """A counter of a benchmark as it is."""
    name: str
    counter: str
    unit: str = ""

    def terms(self):
        return [(self.name, self.counter)]

    def evaluate(self, samples):
        each = samples.values(self.name, self.counter)
        return median(each), each
