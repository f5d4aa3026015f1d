"""coretrackd between the same two devices as its peers, with one worker."""

import time

from netlab.daemon import Daemon

from . import devices
from .clock import BusiestThread

NAME = "coretrackd"
# An IPv4 flow's share of the tables, rounded up.
_FLOW_BYTES = 200


def measure(folder, capture, packets, seconds, bin_dir, checksums):
    """Packets a second of processor time; raises RuntimeError when the daemon did not do what is being measured."""
    flows = packets // 2
    ports = [{"name": "source", "device": devices.source(capture), "peer": "sink"},
             {"name": "sink", "device": devices.SINK, "peer": "source"}]
    daemon = Daemon(bin_dir, folder, ports, {
        "cpu": {"idle": "poll"},
        "memory": {"hugepages": "require", "size": f"{devices.memory_mib(packets)}M",
                   "packet_buffers": devices.buffers(packets)},
        # Room for a load of 0.85 (of 0.98 at capacity), and for every flow while it has been seen from one end only.
        "flows": {"capacity": max(flows * 98 // 85 + 1, 1024), "capacity_ipv6": 1024, "midstream_quota": "100%", "half_open_quota": "100%"},
        "tcp": {"verify_checksums": "on" if checksums else "off"},
    })
    try:
        daemon.start()
        _until_tracked(daemon, flows)
        first, clock = daemon.api.json("/api/v1/stats"), BusiestThread(daemon.process.pid)
        time.sleep(seconds)
        last, taken = daemon.api.json("/api/v1/stats"), clock.seconds()
    finally:
        daemon.stop()
    _check(first, last, flows)
    return (last["forwarded"] - first["forwarded"]) / taken


def _until_tracked(daemon, flows, timeout_s=30):
    """The capture has been round: every flow has been opened and seen from both ends."""
    deadline = time.monotonic() + timeout_s
    while daemon.api.json("/api/v1/stats")["received"] < 8 * flows:
        if time.monotonic() > deadline:
            raise RuntimeError("coretrackd forwards too little")
        time.sleep(0.05)


def _check(first, last, flows):
    """Every flow is tracked, and every packet was valid and went on."""
    wrong = sum(last["invalid"].values()) + sum(last["untracked"].values()) + sum(last["dropped"].values())
    established = last["flows_by_state"].get("ESTABLISHED/ESTABLISHED", 0)
    if wrong or established != flows or first["flows_created"] != flows or last["flows_created"] != flows:
        raise RuntimeError(f"coretrackd: {established} of {flows} flows established, {last['flows_created']} created, "
                           f"{wrong} packets invalid, untracked or dropped")


def memory_mib(packets):
    return devices.memory_mib(packets) + packets // 2 * _FLOW_BYTES // 2**20 + 64
