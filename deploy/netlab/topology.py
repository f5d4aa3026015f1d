"""Two hosts and the box between them.

    client namespace        box namespace           server namespace
    eth0 ================== west     east ================== eth0
    10.77.0.1               coretrackd              10.77.0.2
    fd77::1                                         fd77::2

Neighbours are fixed and the kernel's own chatter is off, so that the only packets are those of the programs
run in the two hosts. Offloads are off: AF_PACKET would otherwise see unfinished checksums and segments of 64 KiB.
"""

import json
from contextlib import ExitStack

from .namespace import Namespace

CLIENT_MAC, SERVER_MAC = "02:77:00:00:00:01", "02:77:00:00:00:02"
CLIENT = {4: "10.77.0.1", 6: "fd77::1"}
SERVER = {4: "10.77.0.2", 6: "fd77::2"}
# Leads to the server's host, which does not know it: packets to it are never answered.
SILENT = {4: "10.77.0.99", 6: "fd77::99"}
PREFIX = {4: 24, 6: 64}
WEST, EAST = "west", "east"


class Topology:
    """client, box and server are Namespaces. A context manager; leaving it removes everything.

    With fixed_neighbours=False the hosts find each other by ARP and neighbour discovery, and SILENT leads nowhere.
    """

    def __init__(self, fixed_neighbours=True):
        self._fixed = fixed_neighbours
        self._stack = ExitStack()
        try:
            self.client = self._stack.enter_context(Namespace("client"))
            self.box = self._stack.enter_context(Namespace("box"))
            self.server = self._stack.enter_context(Namespace("server"))
            self._quiet(self.box)
            self._connect(self.client, WEST, CLIENT_MAC)
            self._connect(self.server, EAST, SERVER_MAC)
            self._address(self.client, CLIENT, {SERVER_MAC: (SERVER, SILENT)})
            self._address(self.server, SERVER, {CLIENT_MAC: (CLIENT,)})
            # A host that forwards would answer packets to SILENT with ICMP errors.
            self.server.sysctl(net__ipv4__ip_forward="0", net__ipv6__conf__all__forwarding="0")
        except BaseException:
            self._stack.close()
            raise

    @staticmethod
    def _quiet(namespace):
        namespace.sysctl(net__ipv6__conf__all__disable_ipv6="1", net__ipv6__conf__default__disable_ipv6="1")

    def _connect(self, host, port, mac):
        self.box.run("ip", "link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", host.pid)
        for namespace, device in ((host, "eth0"), (self.box, port)):
            namespace.run("ethtool", "-K", device, "rx", "off", "tx", "off", "sg", "off", "tso", "off", "gso", "off",
                          "gro", "off")
        host.run("ip", "link", "set", "eth0", "address", mac)
        if self._fixed:
            host.run("ip", "link", "set", "eth0", "arp", "off", "multicast", "off")
        host.sysctl(net__ipv6__conf__eth0__router_solicitations="0", net__ipv6__conf__eth0__accept_dad="0",
                    net__ipv6__conf__eth0__addr_gen_mode="1", net__ipv6__conf__eth0__autoconf="0",
                    net__ipv6__conf__eth0__accept_ra="0")
        self.box.run("ip", "link", "set", port, "promisc", "on")
        host.run("ip", "link", "set", "eth0", "up")
        self.box.run("ip", "link", "set", port, "up")

    def _address(self, host, own, neighbours):
        for version in (4, 6):
            flags = ["nodad"] if version == 6 else []
            host.run("ip", "addr", "add", f"{own[version]}/{PREFIX[version]}", "dev", "eth0", *flags)
            for mac, addresses in neighbours.items() if self._fixed else ():
                for address in addresses:
                    host.run("ip", "neigh", "replace", address[version], "lladdr", mac, "dev", "eth0", "nud",
                             "permanent")

    @staticmethod
    def counters(namespace, device):
        """The interface's own counters: {"rx": {"packets":..,"bytes":..,"dropped":..,"errors":..}, "tx": {...}}."""
        return json.loads(namespace.run("ip", "-j", "-s", "link", "show", "dev", device))[0]["stats64"]

    def close(self):
        self._stack.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
