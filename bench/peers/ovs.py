"""Debian's Open vSwitch with its userspace datapath on the same two devices: ct(commit) for what is new, one PMD thread.

A database and a switch of our own, in a folder and a network namespace of their own; nothing of the system's is touched.
"""

import re
import shutil
import subprocess
import time
from contextlib import ExitStack
from pathlib import Path

from netlab.daemon import pick_cpus
from netlab.namespace import Namespace, stop

from . import devices
from .clock import BusiestThread

_SWITCH = "/usr/lib/openvswitch-switch-dpdk/ovs-vswitchd-dpdk"
_SCHEMA = "/usr/share/openvswitch/vswitch.ovsschema"
# The capture lies in packet buffers, of which there are 2^18 at most.
MEMORY_MIB = 1200  # for all of them
MOST_FLOWS, WHY_NOT_MORE = 1 << 16, "Open vSwitch has 262,144 packet buffers at most, and the capture lies in them"
_FLOWS = """
table=0,priority=10,in_port=source,tcp,ct_state=-trk,actions=ct(table=1)
table=1,priority=10,in_port=source,tcp,ct_state=+trk+est,actions=output:sink
table=1,priority=10,in_port=source,tcp,ct_state=+trk+new,actions=ct(commit),output:sink
table=0,priority=0,actions=drop
table=1,priority=0,actions=drop
"""


def missing():
    """Why it cannot be run; empty if it can."""
    there = Path(_SWITCH).exists() and Path("/usr/sbin/ovsdb-server").exists() and shutil.which("ovs-vsctl")
    return "" if there else "no Open vSwitch with DPDK: apt-get install openvswitch-switch-dpdk"


class Switch:
    """Start with a context manager; everything ends with it."""

    def __init__(self, folder):
        self._folder, self._stack = folder / "ovs", ExitStack()
        self.process = None

    def __enter__(self):
        try:
            self._start()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *_):
        self._stack.close()

    def _start(self):
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir()
        self._namespace = self._stack.enter_context(Namespace("switch"))
        self._tool("ovsdb-tool", "create", self._folder / "conf.db", _SCHEMA)
        database = f"unix:{self._folder}/db.sock"
        self._daemon("/usr/sbin/ovsdb-server", f"--remote=p{database}", self._folder / "conf.db")
        self._wait(lambda: (self._folder / "db.sock").exists(), "ovsdb-server")
        self._vsctl = ["ovs-vsctl", f"--db={database}", "--no-wait"]
        worker, control = pick_cpus()
        self._tool(*self._vsctl, "init")
        self._tool(*self._vsctl, "set", "Open_vSwitch", ".", "other_config:dpdk-init=true",
                   f"other_config:dpdk-lcore-mask={1 << control:#x}", f"other_config:pmd-cpu-mask={1 << worker:#x}",
                   f"other_config:dpdk-socket-mem={MEMORY_MIB}", "other_config:userspace-tso-enable=false",
                   "other_config:dpdk-extra=--no-pci --in-memory --no-telemetry")
        self.process = self._daemon(_SWITCH, database, f"--unixctl={self._folder}/switch.ctl")
        self._wait(lambda: (self._folder / "switch.ctl").exists(), "ovs-vswitchd")

    def _tool(self, *argv, **options):
        run = subprocess.run([*map(str, argv)], capture_output=True, text=True, timeout=60, env=self._environment(),
                             **options)
        if run.returncode:
            raise RuntimeError(f"{argv[0]}: {run.stderr.strip()[-300:]}; {self._said()}")
        return run.stdout

    def _environment(self):
        folders = {f"OVS_{name}DIR": str(self._folder) for name in ("RUN", "LOG", "DB")}
        return {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", **folders}

    def _daemon(self, program, *argv):
        log = (self._folder / f"{Path(program).name}.log").open("wb")
        process = self._namespace.popen(program, *argv, "--no-chdir", "-vconsole:info", stdin=subprocess.DEVNULL, stdout=log,
                                        stderr=log, env=self._environment())
        self._stack.callback(stop, process, 10)
        self._stack.callback(log.close)
        return process

    def _said(self):
        log = self._folder / f"{Path(_SWITCH).name}.log"
        text = log.read_text(errors="replace") if log.exists() else ""
        return " ".join(re.findall(r"^.*\|(?:ERR|WARN)\|.*$", text, re.MULTILINE)[-3:])

    def _wait(self, ready, who, timeout_s=30):
        deadline = time.monotonic() + timeout_s
        while not ready():
            if time.monotonic() > deadline or (self.process and self.process.poll() is not None):
                raise RuntimeError(f"{who} did not start: {self._said()}")
            time.sleep(0.05)

    def connect(self, capture):
        """A bridge with the two devices and the rules."""
        control = self._vsctl[:-1]
        self._tool(*control, "--timeout=30", "add-br", "br", "--", "set", "bridge", "br", "datapath_type=netdev",
                   "fail-mode=secure")
        for name, device in (("source", devices.source(capture)), ("sink", devices.SINK)):
            self._tool(*control, "--timeout=30", "add-port", "br", name, "--", "set", "Interface", name, "type=dpdk",
                       "options:n_rxq=1", f'options:dpdk-devargs="{device}"')
            error = self._tool(*control, "get", "Interface", name, "error").strip()
            if error != "[]":
                raise RuntimeError(f"Open vSwitch, {name}: {error}")
        self._tool("ovs-ofctl", "--protocols=OpenFlow14", "replace-flows", f"unix:{self._folder}/br.mgmt", "-", input=_FLOWS)

    def ask(self, *command):
        return self._tool("ovs-appctl", "-t", self._folder / "switch.ctl", *command)

    def packets(self):
        """(received, sent on) so far"""
        said = self.ask("dpctl/show", "-s")
        return [int(re.search(rf"port \d+: {port} .*?{way} packets:(\d+)", said, re.DOTALL)[1])
                for port, way in (("source", "RX"), ("sink", "TX"))]

    def established(self):
        """Connections in state ESTABLISHED."""
        found = re.search(r"\[ESTABLISHED\]=(\d+)", self.ask("dpctl/ct-stats-show", "verbose"))
        return int(found[1]) if found else 0


def measure(folder, capture, packets, seconds):
    """Packets a second of processor time; RuntimeError when connections are not established."""
    flows = packets // 2
    with Switch(folder) as switch:
        switch.connect(capture)
        deadline = time.monotonic() + 15
        while switch.packets()[1] < 4 * packets:
            if time.monotonic() > deadline:
                raise RuntimeError(f"Open vSwitch forwards too little: {switch.packets()}")
            time.sleep(0.1)
        first, clock = switch.packets(), BusiestThread(switch.process.pid)
        time.sleep(seconds)
        last, taken = switch.packets(), clock.seconds()
        (received, sent), established = (b - a for a, b in zip(first, last)), switch.established()
        if established != flows or sent < 0.99 * received:
            raise RuntimeError(f"Open vSwitch has {established} of {flows} flows established, "
                               f"sent {sent} of {received} packets")
        return sent / taken
