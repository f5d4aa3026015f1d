"""Starts and stops coretrackd and its like: own configuration, own sockets, own DPDK files, all in one folder."""

import http.client
import json
import os
import resource
import subprocess
import time
from pathlib import Path

from .api import Api, ApiError
from .namespace import NotAllowed, die_with_parent, stop


class DaemonFailed(Exception):
    """The daemon did not start. The text holds the last lines of what it said."""


def pick_cpus():
    """(worker, control): the last two CPUs that we may use; one CPU is both when there is no other."""
    cpus = sorted(os.sched_getaffinity(0))
    return cpus[-1], cpus[0]


def toml(tables):
    """{"cpu": {"lcores": [1]}, "ports": [{...}, {...}]} as TOML."""
    lines = []
    for name, tables_of_name in tables.items():
        many = isinstance(tables_of_name, list)
        for table in tables_of_name if many else [tables_of_name]:
            lines.append(f"[[{name}]]" if many else f"[{name}]")
            # JSON's numbers, strings, booleans and lists of them are TOML's.
            lines += [f"{key} = {json.dumps(value)}" for key, value in table.items()] + [""]
    return "\n".join(lines)


class Process:
    """A program that answers on the unix socket of its own in `folder`. Call start(); stop() is safe at any time."""

    def __init__(self, binary, arguments, folder):
        self.binary, self.folder = Path(binary), Path(folder)
        self.socket = self.folder / "api.sock"
        self.log = self.folder / f"{self.binary.name}.log"
        self.api = Api(str(self.socket))
        self.process = None
        self._arguments = arguments

    def start(self, namespace=None, ready_seconds=60):
        """Returns once /readyz says so."""
        command = [str(self.binary), *map(str, self._arguments)]
        # DPDK keeps its run-time files below RUNTIME_DIRECTORY, and so in our folder.
        options = {"stdin": subprocess.DEVNULL, "stderr": subprocess.STDOUT,
                   "env": {**os.environ, "RUNTIME_DIRECTORY": str(self.folder)}}
        with self.log.open("wb") as log:
            options["stdout"] = log
            self.process = (namespace.popen(*command, **options) if namespace
                            else subprocess.Popen(command, start_new_session=True, preexec_fn=die_with_parent, **options))
        deadline = time.monotonic() + ready_seconds
        while not self.is_ready():
            if self.process.poll() is not None:
                raise DaemonFailed(f"{self.binary.name} ended with code {self.process.returncode}:\n{self.said()}")
            if time.monotonic() > deadline:
                raise DaemonFailed(f"{self.binary.name} was not ready after {ready_seconds} s:\n{self.said()}")
            time.sleep(0.05)

    def is_ready(self):
        try:
            self.api.get("/readyz")
            return True
        except (OSError, http.client.HTTPException, ApiError):
            return False

    def said(self, lines=15):
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return "\n".join("    " + line for line in text.splitlines()[-lines:])

    def stop(self, seconds=15):
        """Returns the exit code, None if it was never started."""
        return stop(self.process, seconds) if self.process else None


class Daemon(Process):
    """coretrackd with a configuration file of its own in `folder`."""

    def __init__(self, bin_dir, folder, ports, settings=None):
        """`ports`: list of tables for the configuration; `settings`: {"timeouts": {...}} over our own."""
        self.config = Path(folder) / "coretrack.toml"
        super().__init__(Path(bin_dir) / "coretrackd", ["--config", self.config], folder)
        self.client = Path(bin_dir) / "coretrack"
        worker, control = pick_cpus()
        tables = {
            "cpu": {"lcores": [worker], "control_lcore": control},
            "memory": {"hugepages": "never", "size": "128M", "file_prefix": f"coretrack{os.getpid()}",
                       "packet_buffers": 16384},
            "flows": {"capacity": 65536, "capacity_ipv6": 65536},
            "api": {"socket": str(self.socket), "http": ""},
        }
        for name, table in (settings or {}).items():
            tables[name] = {**tables.get(name, {}), **table}
        tables["ports"] = ports
        self.config.write_text(toml(tables))


class MadeUp(Process):
    """demo_generator: data plane and API on traffic made up in process."""

    def __init__(self, bin_dir, folder):
        worker, control = pick_cpus()
        socket = Path(folder) / "api.sock"
        super().__init__(Path(bin_dir) / "demo_generator",
                         ["--socket", socket, "--lcore", worker, "--control-lcore", control], folder)


_RING_FRAME_BYTES = 2048  # net_af_packet's default
_LEAST_FRAMES = 128
_RINGS = 4  # two ports, receiving and sending


def ring_frames(wanted):
    """As many packets in each AF_PACKET ring as wanted, or as this user may lock in memory; raises NotAllowed."""
    if Path("/proc/self/uid_map").read_text().split() == ["0", "0", "4294967295"] and os.geteuid() == 0:
        return wanted
    soft, hard = resource.getrlimit(resource.RLIMIT_MEMLOCK)
    resource.setrlimit(resource.RLIMIT_MEMLOCK, (hard, hard))
    frames = wanted
    while hard != resource.RLIM_INFINITY and frames * _RING_FRAME_BYTES * _RINGS >= hard and frames >= _LEAST_FRAMES:
        frames //= 2
    if frames < _LEAST_FRAMES:
        raise NotAllowed(f"this user may lock only {soft // 1024} KiB of memory (ulimit -l), too little for AF_PACKET")
    return frames


def forward_ports(west, east, frames=4096):
    """Two AF_PACKET ports joined to each other; rings of at most `frames` packets."""
    frames = ring_frames(frames)
    return [{"name": name, "device": f"net_af_packet{i},iface={name},framecnt={frames}", "mode": "forward", "peer": peer}
            for i, (name, peer) in enumerate(((west, east), (east, west)))]
