"""What is shown: coretrackd between two hosts, or on made-up traffic where hosts cannot be made."""

import os
import subprocess
from contextlib import ExitStack

from netlab.daemon import Daemon, DaemonFailed, MadeUp, forward_ports
from netlab.namespace import stop
from netlab.topology import EAST, WEST, Topology

# Short enough for flows to be seen leaving, long enough for every state to be seen.
SETTINGS = {"timeouts": {"msl": "30s", "syn_sent": "10s", "after_reset": "5s"}}


class Scene:
    """A context manager: everything is started on entry, and ended on exit in reverse order."""

    title = ""
    remark = ""  # how to look at it from another terminal

    def __init__(self, bin_dir, folder):
        self._bin_dir, self._folder = bin_dir, folder
        self._stack = ExitStack()
        self.daemon = None

    def __enter__(self):
        try:
            self._start()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *_):
        self._stack.close()

    def _start_daemon(self, daemon, namespace):
        self.daemon = daemon
        self._stack.callback(daemon.stop)
        daemon.start(namespace)

    def check(self):
        """Raises DaemonFailed when something that should run does not."""
        if self.daemon.process.poll() is not None:
            raise DaemonFailed(f"{self.daemon.binary.name} ended with code {self.daemon.process.returncode}:\n"
                               f"{self.daemon.said()}")


class Hosts(Scene):
    title = "a client and a web server, and the box between them"

    def _start(self):
        hosts = self._stack.enter_context(Topology())
        self._start_daemon(Daemon(self._bin_dir, self._folder, forward_ports(WEST, EAST), SETTINGS), hosts.box)
        options = {"stdin": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "env": os.environ}
        server = hosts.server.popen("python3", "-m", "netlab.web_server", stdout=subprocess.PIPE, **options)
        self._stack.callback(stop, server, 2)
        if not server.stdout.readline():
            raise DaemonFailed("the web server did not start")
        client = hosts.client.popen("python3", "-m", "demo.traffic", stdout=subprocess.DEVNULL, **options)
        self._stack.callback(stop, client, 2)
        self._programs = {"web server": server, "client": client}

    def check(self):
        super().check()
        for name, process in self._programs.items():
            if process.poll() is not None:
                raise DaemonFailed(f"the {name} ended with code {process.returncode}")


class InProcess(Scene):
    title = "connections made up in process, over net_ring"

    def _start(self):
        self._start_daemon(MadeUp(self._bin_dir, self._folder), None)
