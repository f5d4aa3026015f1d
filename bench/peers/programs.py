"""Runs the programs one after another, size by size, and adds what they did to the samples: Forward/PROGRAM/FLOWS."""

import sys
from contextlib import ExitStack

from netlab.scratch import Scratch

from . import capture, coretrackd, hugepages, testpmd

REPETITIONS, SECONDS = 3, 1.0


def _runs(bin_dir):
    """name, largest number of flows, why it cannot be, measure(folder, capture, packets, seconds)"""
    return [
        ("testpmd", 1 << 16, testpmd.missing(), testpmd.measure),
        ("coretrackd", 1 << 16, "", lambda *a: coretrackd.measure(*a, bin_dir, checksums=False)),
        ("coretrackd_checksums", 1 << 20, "", lambda *a: coretrackd.measure(*a, bin_dir, checksums=True)),
    ]


def run(bin_dir, sizes, samples, say, repetitions=REPETITIONS, seconds=SECONDS):
    for flows in sizes:
        with Scratch("coretrack-peers") as folder, ExitStack() as room:
            runs = [r for r in _runs(bin_dir) if flows <= r[1]]
            say(f"programs, {flows} flows: {', '.join(name for name, *_ in runs)}")
            packets = capture.write(folder / "flows.pcap", flows)
            try:
                room.enter_context(hugepages.room(coretrackd.memory_mib(packets)))
            except (OSError, MemoryError) as error:
                samples.missing |= {f"Forward/{name}/{flows}": f"no hugepages: {error}" for name, *_ in runs}
                continue
            for _ in range(repetitions):
                for name, _largest, why, measure in runs:
                    _once(f"Forward/{name}/{flows}", why, lambda: measure(folder, folder / "flows.pcap", packets, seconds),
                          samples)


def _once(name, why, measure, samples):
    if not why and name not in samples.missing:
        try:
            samples.add(name, {"items_per_second": measure()})
            return
        except Exception as error:  # a peer that fails is a row that is missing, not the end of the report
            why = f"{name}: {error}"
            print(f"report: {why}", file=sys.stderr)
    samples.missing.setdefault(name, why)
