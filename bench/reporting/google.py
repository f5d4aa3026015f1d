"""Runs coretrack_bench and reads its JSON.

One process for each size class: what is divided by one another has run in the same process, its repetitions in random
order between one another. Large tables cost seconds to minutes of set-up for each repetition, so they get fewer.
"""

import json
import os
import re
import subprocess
from dataclasses import dataclass, replace

_OPTIONS = re.compile(r"(/(manual_time|real_time|process_time|(iterations|repeats|min_time|threads):[^/]*))+$")


@dataclass
class SizeClass:
    label: str
    largest: int  # flows
    repetitions: int
    min_time_s: float
    timeout_s: int


CLASSES = [
    SizeClass("up to 2^20 flows", 1 << 20, 5, 0.2, 600),
    SizeClass("2^24 flows", 1 << 24, 5, 0.1, 900),
    SizeClass("2^26 flows and more, herd, query", 1 << 40, 1, 0.1, 900),
]
# These take minutes, and medians of several rounds by themselves.
_LARGEST = ("Pipeline/herd/", "Pipeline/query/", "Scale/")
# In a process of its own, as a daemon is: behind another large table the worker loses 8 to 10 % to a query, alone 0 to 1 % (bench/README.md).
_ALONE = ("Pipeline/query/",)
# Tables of 2^26 flows and more are made only where this says so.
_ENVIRONMENT = {"CORETRACK_BENCH_FULL": "1"}


def full():
    """As many repetitions of the largest as of the others."""
    return [CLASSES[0], CLASSES[1], replace(CLASSES[2], repetitions=5, timeout_s=7200)]


def quick():
    return [replace(CLASSES[0], repetitions=3, min_time_s=0.05)]


def plain(name):
    """A benchmark's name without what Google Benchmark hangs behind it."""
    return _OPTIONS.sub("", name)


def flows_of(name):
    if name.startswith(_LARGEST):
        return CLASSES[-1].largest
    number = int((re.findall(r"\d+$", name) or ["0"])[0])
    return number // 128 if name.startswith("Memory/") else number


def available(binary):
    """{plain name: name} of all that the binary has."""
    listing = subprocess.run([binary, "--benchmark_list_tests=true"], stdin=subprocess.DEVNULL, capture_output=True,
                             text=True, check=True, env=os.environ | _ENVIRONMENT).stdout
    return {plain(name): name for name in listing.split()}


def command(binary, names, size_class):
    exact = "|".join(re.escape(name).replace(r"\-", "-").replace("/", "[/]") for name in names)
    return [str(binary), f"--benchmark_filter=^({exact})$", "--benchmark_format=json",
            f"--benchmark_repetitions={size_class.repetitions}", f"--benchmark_min_time={size_class.min_time_s}",
            "--benchmark_enable_random_interleaving=true"]


def run(binary, wanted, classes, samples, say):
    """Fills `samples` with all of `wanted` that the binary has; says of the rest why it is missing."""
    have = available(binary)
    context = {}
    for name in wanted:
        if name not in have:
            samples.missing[name] = f"coretrack_bench has no {name}"
        elif flows_of(name) > classes[-1].largest:
            samples.missing[name] = f"{name} is left out of a quick run"
    smallest = 0
    for size_class in classes:
        names = [have[n] for n in wanted if n in have and smallest < flows_of(n) + 1 <= size_class.largest + 1]
        smallest = size_class.largest + 1
        if names:
            say(f"{size_class.label}: {len(names)} benchmarks, {size_class.repetitions} repetitions")
        together = [n for n in names if not n.startswith(_ALONE)]
        for group in [together, *([n] for n in names if n.startswith(_ALONE))]:
            if group:
                context |= _run(command(binary, group, size_class), group, size_class, samples)
    return context


def _run(argv, names, size_class, samples):
    process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                               env=os.environ | _ENVIRONMENT)
    why = "coretrack_bench ended early"
    try:
        out, error = process.communicate(timeout=size_class.timeout_s)
        why = f"coretrack_bench ended with code {process.returncode}: {error.strip()[-200:]}"
    except subprocess.TimeoutExpired:
        out, why = "", f"not done after {size_class.timeout_s} s"
    finally:
        if process.poll() is None:
            process.terminate()  # it gives its hugepages back
            process.wait(30)
    return read(out, [plain(n) for n in names], samples, why)


def read(text, names, samples, why):
    """Adds what one JSON document says; `why` becomes the reason of names that it does not speak of."""
    try:
        document = json.loads(text)
    except json.JSONDecodeError:
        document = {"benchmarks": [], "context": {}}
    for entry in document["benchmarks"]:
        name = plain(entry.get("run_name", entry["name"]))
        if entry.get("run_type") == "aggregate":
            continue
        if entry.get("error_occurred"):
            samples.missing[name] = f"{name}: {entry.get('error_message', 'failed')}"
        else:
            samples.add(name, entry)
    for name in names:
        if name not in samples.by_name:
            samples.missing.setdefault(name, why)
    return document["context"]
