"""DPDK's own forwarder, dpdk-testpmd in io mode: what the devices cost when nothing is looked at."""

import re
import shutil
import subprocess
import time

from netlab.daemon import pick_cpus
from netlab.namespace import die_with_parent, stop

from . import devices
from .clock import BusiestThread

NAME = "testpmd"


def missing():
    """Why it cannot be run; empty if it can."""
    return "" if shutil.which("dpdk-testpmd") else "no dpdk-testpmd: apt-get install dpdk-dev"


def command(capture, packets):
    worker, control = pick_cpus()
    return ["stdbuf", "-oL", "dpdk-testpmd", "--lcores", f"0@{control},1@{worker}", "--no-pci", "--in-memory", "--no-telemetry",
            "-m", str(devices.memory_mib(packets)), "--vdev", devices.source(capture), "--vdev", devices.SINK, "--",
            "-i", "--nb-cores=1", "--forward-mode=io", "--burst=32", "--no-flush-rx", "--no-lsc-interrupt",
            f"--total-num-mbufs={devices.buffers(packets)}"]


def _sent(text):
    """TX-packets of the last statistics of port 1."""
    return int(re.findall(r"statistics for port 1 .*?TX-packets: (\d+)", text, re.DOTALL)[-1])


def measure(folder, capture, packets, seconds):
    """Packets a second of processor time."""
    log = folder / "testpmd.log"
    with log.open("wb") as out:
        process = subprocess.Popen(command(capture, packets), stdin=subprocess.PIPE, stdout=out, stderr=out,
                                   start_new_session=True, preexec_fn=die_with_parent)

    def ask(line, answer):
        """Waits for the prompt that follows the answer; returns all that was said since."""
        said = log.stat().st_size
        process.stdin.write(line.encode() + b"\n")
        process.stdin.flush()
        return _wait(process, log, said, answer)

    try:
        _wait(process, log, 0, "testpmd> ")
        ask("start", "testpmd> ")
        time.sleep(1)
        first, clock = _sent(ask("show port stats 1", "####\ntestpmd> ")), BusiestThread(process.pid)
        time.sleep(seconds)
        last, taken = _sent(ask("show port stats 1", "####\ntestpmd> ")), clock.seconds()
        process.stdin.write(b"stop\nquit\n")
        process.stdin.flush()
        process.wait(20)
    finally:
        stop(process, 10)
        process.stdin.close()
    return (last - first) / taken


def _wait(process, log, offset, answer, timeout_s=60):
    deadline = time.monotonic() + timeout_s
    while True:
        text = log.read_bytes()[offset:].decode(errors="replace")
        if answer in text:
            return text
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError("dpdk-testpmd did not answer: " + " ".join(log.read_text(errors="replace").split())[-400:])
        time.sleep(0.01)
