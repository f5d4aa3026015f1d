"""Runs the programs one after another, size by size, and adds what they did to the samples: Forward/PROGRAM/FLOWS."""

import sys
import time

from netlab.scratch import Scratch

from . import capture, coretrackd, hugepages, linux, ovs, testpmd

REPETITIONS, SECONDS = 3, 1.0
_LARGE = 1 << 20  # flows; two repetitions are enough of what takes half a minute each
_ATTEMPTS = 2


def _runs(bin_dir):
    """name, largest number of flows, why no more, why none, measure(folder, capture, packets, seconds)"""
    line = "no row asks for it"
    return [
        ("testpmd", 1 << 16, line, testpmd.missing(), testpmd.measure),
        ("coretrackd", 1 << 16, line, "", lambda *a: coretrackd.measure(*a, bin_dir, checksums=False)),
        ("coretrackd_checksums", 1 << 20, line, "", lambda *a: coretrackd.measure(*a, bin_dir, checksums=True)),
        ("ovs_ct", ovs.MOST_FLOWS, ovs.WHY_NOT_MORE, ovs.missing(), ovs.measure),
        ("linux_routing", 1 << 20, line, linux.missing(), lambda *a: linux.measure(a[2] // 2, a[3] / 2, conntrack=False)),
        ("linux_conntrack", 1 << 20, line, linux.missing(), lambda *a: linux.measure(a[2] // 2, a[3] / 2, conntrack=True)),
    ]


def run(bin_dir, sizes, samples, say, repetitions=REPETITIONS, seconds=SECONDS):
    for flows in sizes:
        with Scratch("coretrack-peers") as folder:
            say(f"programs, {flows} flows")
            packets = capture.write(folder / "flows.pcap", flows)
            for _ in range(repetitions if flows < _LARGE else min(repetitions, 2)):
                for name, largest, why_no_more, why, measure in _runs(bin_dir):
                    _once(f"Forward/{name}/{flows}", why or (why_no_more if flows > largest else ""),
                          lambda: measure(folder, folder / "flows.pcap", packets, seconds), packets, samples)


def _once(name, why, measure, packets, samples):
    """Tries again where it failed: the pool of hugepages is everybody's, and may be taken before the program has them."""
    for attempt in range(_ATTEMPTS):
        if why or name in samples.missing:
            break
        try:
            with hugepages.room(max(coretrackd.memory_mib(packets), ovs.MEMORY_MIB + 64)):
                samples.add(name, {"items_per_second": measure()})
            return
        except Exception as error:  # a peer that fails is a row that is missing, not the end of the report
            print(f"report: {name}: {error}", file=sys.stderr)
            if attempt + 1 == _ATTEMPTS:
                why = f"{name}: {error}"
            time.sleep(2)
    if name not in samples.by_name:
        samples.missing.setdefault(name, why)
