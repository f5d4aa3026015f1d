"""Starts and stops a coretrackd of its own: own configuration, own sockets, own DPDK files, all in one folder."""

import http.client
import json
import os
import subprocess
import time
from pathlib import Path

from .api import Api, ApiError
from .namespace import stop


class DaemonFailed(Exception):
    """The daemon did not start. The text holds the last lines of what it said."""


def pick_cpus():
    """(worker, control): the last two CPUs that we may use; one CPU is both when there is no other."""
    cpus = sorted(os.sched_getaffinity(0))
    return cpus[-1], cpus[0]


def toml(tables):
    """{"cpu": {"lcores": [1]}, "port": [{...}, {...}]} as TOML."""
    lines = []
    for name, tables_of_name in tables.items():
        many = isinstance(tables_of_name, list)
        for table in tables_of_name if many else [tables_of_name]:
            lines.append(f"[[{name}]]" if many else f"[{name}]")
            # JSON's numbers, strings, booleans and lists of them are TOML's.
            lines += [f"{key} = {json.dumps(value)}" for key, value in table.items()] + [""]
    return "\n".join(lines)


class Daemon:
    """A coretrackd in `folder`. Call start(); stop() is safe at any time."""

    def __init__(self, bin_dir, folder, ports, settings=None, program="coretrackd"):
        """`ports`: list of tables for the configuration; `settings`: {"timeouts": {...}} over our own."""
        self.binary = Path(bin_dir) / program
        self.client = Path(bin_dir) / "coretrack"
        self.folder = Path(folder)
        self.socket = self.folder / "api.sock"
        self.log = self.folder / f"{program}.log"
        self.api = Api(str(self.socket))
        self.process = None
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
        tables["port"] = ports
        self.config = self.folder / "coretrack.toml"
        self.config.write_text(toml(tables))

    def start(self, namespace=None, ready_seconds=60):
        """Returns once /readyz says so."""
        command = [str(self.binary), "--config", str(self.config)]
        # DPDK keeps its run-time files below RUNTIME_DIRECTORY, and so in our folder.
        options = {"stdin": subprocess.DEVNULL, "stderr": subprocess.STDOUT,
                   "env": {**os.environ, "RUNTIME_DIRECTORY": str(self.folder)}}
        with self.log.open("wb") as log:
            options["stdout"] = log
            self.process = (namespace.popen(*command, **options) if namespace
                            else subprocess.Popen(command, start_new_session=True, **options))
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


def forward_ports(west, east, frames=4096):
    """Two AF_PACKET ports joined to each other; rings of `frames` packets."""
    return [{"name": name, "device": f"net_af_packet{i},iface={name},framecnt={frames}", "mode": "forward", "peer": peer}
            for i, (name, peer) in enumerate(((west, east), (east, west)))]
