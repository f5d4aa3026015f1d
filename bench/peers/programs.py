"""Runs the programs one after another, size by size, and adds what they did to the samples: Forward/PROGRAM/FLOWS."""

import sys
import time

from netlab.scratch import Scratch

from . import capture, coretrackd, hugepages, linux, testpmd

REPETITIONS, SECONDS = 3, 1.0
_ATTEMPTS = 3


def _runs(bin_dir):
    """name, largest number of flows, why it cannot be, measure(folder, capture, packets, seconds)"""
    return [
        ("testpmd", 1 << 16, testpmd.missing(), testpmd.measure),
        ("coretrackd", 1 << 16, "", lambda *a: coretrackd.measure(*a, bin_dir, checksums=False)),
        ("coretrackd_checksums", 1 << 20, "", lambda *a: coretrackd.measure(*a, bin_dir, checksums=True)),
        ("linux_routing", 1 << 20, linux.missing(), lambda *a: linux.measure(a[2] // 2, a[3], conntrack=False)["routed"]),
        ("linux_conntrack", 1 << 20, linux.missing(), lambda *a: linux.measure(a[2] // 2, a[3], conntrack=True)["routed"]),
    ]


def run(bin_dir, sizes, samples, say, repetitions=REPETITIONS, seconds=SECONDS):
    for flows in sizes:
        with Scratch("coretrack-peers") as folder:
            runs = [r for r in _runs(bin_dir) if flows <= r[1]]
            say(f"programs, {flows} flows: {', '.join(name for name, *_ in runs)}")
            packets = capture.write(folder / "flows.pcap", flows)
            for _ in range(repetitions):
                for name, _largest, why, measure in runs:
                    _once(f"Forward/{name}/{flows}", why, lambda: measure(folder, folder / "flows.pcap", packets, seconds),
                          packets, samples)


def _once(name, why, measure, packets, samples):
    """Tries again where it failed: the pool of hugepages is everybody's, and may be taken before the program has them."""
    for attempt in range(_ATTEMPTS):
        if why or name in samples.missing:
            break
        try:
            with hugepages.room(coretrackd.memory_mib(packets)):
                samples.add(name, {"items_per_second": measure()})
            return
        except Exception as error:  # a peer that fails is a row that is missing, not the end of the report
            print(f"report: {name}: {error}", file=sys.stderr)
            if attempt + 1 == _ATTEMPTS:
                why = f"{name}: {error}"
            time.sleep(2)
    if name not in samples.by_name:
        samples.missing.setdefault(name, why)
