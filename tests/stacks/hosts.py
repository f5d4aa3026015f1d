"""Two hosts with the box and the weather between them; sockets of either host in one program.

    client                          box                               server
    eth0 == west ~impair~ w0 == w1  coretrackd  e1 == e0 ~impair~ east == eth0

There is weather on both sides of the box: what is lost before it is never seen, what is lost behind it never arrives.
"""

import ctypes
import json
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

from netlab.daemon import Daemon, forward_ports
from netlab.topology import CLIENT, EAST, SERVER, WEST, Topology

_CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)
_SS = {"ESTAB": "ESTABLISHED", "SYN-SENT": "SYN_SENT", "SYN-RECV": "SYN_RCVD", "FIN-WAIT-1": "FIN_WAIT_1", "FIN-WAIT-2": "FIN_WAIT_2",
       "TIME-WAIT": "TIME_WAIT", "CLOSE-WAIT": "CLOSE_WAIT", "LAST-ACK": "LAST_ACK", "CLOSING": "CLOSING", "UNCONN": "CLOSED"}
# Timeouts longer than the test: no flow may be gone before it has been compared.
_SETTINGS = {"timeouts": {"msl": "120s", "syn_sent": "15m", "after_reset": "15m", "half_closed": "30m", "last_ack": "15m", "closing": "15m"}}


class Hosts:
    def __init__(self, bin_dir, stack, folder, weather, seed):
        self._topology = stack.enter_context(Topology())
        self.client, self.server, self.box = self._topology.client, self._topology.server, self._topology.box
        self._own = os.open("/proc/self/ns/net", os.O_RDONLY)
        self._entries = {host: os.open(f"/proc/{host.pid}/ns/net", os.O_RDONLY) for host in (self.client, self.server)}
        self._threads = threading.local()
        for outer, inner in (("w0", "w1"), ("e0", "e1")):
            self.box.run("ip", "link", "add", outer, "type", "veth", "peer", "name", inner)
            for device in (outer, inner):
                self.box.run("ethtool", "-K", device, "rx", "off", "tx", "off", "sg", "off", "tso", "off", "gso", "off", "gro", "off")
                self.box.run("ip", "link", "set", device, "promisc", "on", "up")
        self.daemon = Daemon(bin_dir, folder, forward_ports("w1", "e1", 8192), _SETTINGS)
        stack.callback(self.daemon.stop)
        self.daemon.start(self.box)
        self.capture = Path(folder) / "box.pcap"
        self.impairer = self.box.popen(sys.executable, str(Path(__file__).with_name("impair.py")), self.capture, seed, *weather, WEST, "w0", "e0", EAST,
                                       EAST, "e0", "w0", WEST, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        stack.callback(self._end_weather)
        if self.impairer.stdout.readline() != "ready\n":
            raise RuntimeError("the impairer did not start")

    def _end_weather(self):
        self.impairer.kill()
        self.impairer.wait()
        self.impairer.stdin.close()
        self.impairer.stdout.close()

    def calm(self):
        self.impairer.stdin.write("calm\n")
        self.impairer.stdin.flush()

    def weather_report(self):
        self.impairer.stdin.close()
        return json.loads(self.impairer.stdout.readline())

    def configure(self, **values):
        """sysctls of both hosts, as Namespace.sysctl() takes them."""
        for host in (self.client, self.server):
            host.sysctl(**values)

    def socket(self, host, version):
        """A TCP socket of that host. It stays there; the calling thread does not."""
        _setns(self._entries[host])
        try:
            sock = socket.socket(socket.AF_INET if version == 4 else socket.AF_INET6, socket.SOCK_STREAM)
        finally:
            _setns(self._own)
        sock.settimeout(40)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        return sock

    @staticmethod
    def states(host):
        """{(own address, own port, peer's address, peer's port): state} of every TCP socket, by `ss`."""
        found = {}
        for line in host.run("ss", "-tanHO").splitlines():
            state, _, _, local, peer = line.split()[:5]
            if state != "LISTEN":
                found[*_endpoint(local), *_endpoint(peer)] = _SS[state]
        return found


def _setns(descriptor):
    if _libc.setns(descriptor, _CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


def _endpoint(text):
    address, _, port = text.rpartition(":")
    return address.strip("[]"), int(port)


def address_of(hosts, host, version):
    return (CLIENT if host is hosts.client else SERVER)[version]
