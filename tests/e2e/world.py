"""One run of the end-to-end test: hosts, daemon, ledger, connections; and what each of them says afterwards."""

import json
import os
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

from netlab.connections import EXPECTED
from netlab.daemon import Daemon, forward_ports
from netlab.namespace import stop
from netlab.scratch import Scratch
from netlab.topology import CLIENT, EAST, WEST, Topology

ROOT = Path(__file__).resolve().parents[2]
# No flow may leave the table before it has been compared.
SETTINGS = {"timeouts": {"msl": "120s", "syn_sent": "15m", "after_reset": "15m"}}
RING_PACKETS = 16384  # more than is ever under way: AF_PACKET would not say what it lost
REST_SECONDS = 30
_EXPECTED = {kind.__name__: states for kind, states in EXPECTED.items()}


class World:
    """Everything is set up and has happened once the constructor is through. close() removes it all."""

    def __init__(self, bin_dir, connections, seed, kinds=(), fixed_neighbours=True):
        """`kinds`: names of those to make; none: all."""
        self._stack = ExitStack()
        try:
            self._start(bin_dir, fixed_neighbours)
            self._run(connections, seed, kinds)
        except BaseException:
            self.close()
            raise

    def _run(self, connections, seed, kinds):
        ledger = self._program(self.hosts.client, "tests.e2e.ledger", "eth0")
        self._expect(ledger, "ready")
        self._expect(self._program(self.hosts.server, "netlab.web_server"), "ready")
        client = self._program(self.hosts.client, "tests.e2e.client", connections, seed, *kinds)
        self.connections, self.failures = [], []
        for line in client.stdout:
            if line == "done\n":
                break
            row = json.loads(line)
            (self.failures if "failure" in row else self.connections).append(row.get("failure", row))
        self._wait_for_rest()
        ledger.stdin.close()
        self.ledger = json.loads(ledger.stdout.read())
        self.flows = list(self.daemon.api.flows())
        self.stats = self.daemon.api.json("/api/v1/stats")
        self.interfaces = {
            "client": Topology.counters(self.hosts.client, "eth0"),
            "west": Topology.counters(self.hosts.box, WEST),
            "east": Topology.counters(self.hosts.box, EAST),
            "server": Topology.counters(self.hosts.server, "eth0"),
        }

    def _start(self, bin_dir, fixed_neighbours):
        self.folder = self._stack.enter_context(Scratch("coretrack-e2e"))
        self.hosts = self._stack.enter_context(Topology(fixed_neighbours))
        self.daemon = Daemon(bin_dir, self.folder, forward_ports(WEST, EAST, RING_PACKETS), SETTINGS)
        self._stack.callback(self.daemon.stop)
        self.daemon.start(self.hosts.box)

    def _program(self, namespace, module, *arguments):
        environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'deploy'}", "PYTHONDONTWRITEBYTECODE": "1"}
        process = namespace.popen(sys.executable, "-m", module, *arguments, stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE, text=True, env=environment)
        self._stack.callback(self._end, process)
        return process

    @staticmethod
    def _end(process):
        stop(process, 5)
        process.stdin.close()
        process.stdout.close()

    @staticmethod
    def _expect(process, word):
        if process.stdout.readline().strip() != word:
            raise RuntimeError(f"{process.args[-2:]} did not start")

    def _wait_for_rest(self):
        """Until every connection is in its last state and no packet moves; what is not there by then, fails a test."""
        deadline = time.monotonic() + REST_SECONDS
        last = None
        while time.monotonic() < deadline:
            now = Topology.counters(self.hosts.client, "eth0")
            if now == last and not self.wrong_states():
                return
            last = now
            time.sleep(0.3)

    def wrong_states(self):
        """[text] for each connection whose flow is missing or not in the states that its kind ends in."""
        flows = self.by_tuple(self.daemon.api.flows())
        wrong = []
        for row in self.connections:
            flow = flows.get(self.tuple_of(row))
            states = flow and (flow["originator"]["state"], flow["responder"]["state"])
            if states != _EXPECTED[row["kind"]]:
                wrong.append(f"{row['kind']} from port {row['port']}: {states} instead of {_EXPECTED[row['kind']]}"
                             + (f", history {flow['history']}" if flow else ""))
        return wrong

    @staticmethod
    def tuple_of(row):
        return CLIENT[row["version"]], row["port"], row["peer"], row["peer_port"]

    @staticmethod
    def by_tuple(flows):
        return {(flow["originator"]["address"], flow["originator"]["port"], flow["responder"]["address"],
                 flow["responder"]["port"]): flow for flow in flows}

    def ask(self, *arguments):
        """Runs the `coretrack` client in the box; returns what it printed."""
        return self.hosts.box.run(self.daemon.client, *arguments, "--socket", self.daemon.socket)

    def close(self):
        self._stack.close()
