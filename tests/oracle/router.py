"""The kernel's nf_conntrack between two TUN devices, in a network namespace of its own.

A packet that is written into one device has passed conntrack and comes out of the other when write() returns. nftables
puts what conntrack thinks of it into its DSCP; the entry's state is asked for by ctnetlink.
"""

import fcntl
import os
import select
import socket
import struct
import subprocess
import sys

HOSTS = {4: ("10.8.1.2", "10.8.2.2"), 6: ("fd00:8:1::2", "fd00:8:2::2")}  # client, server
_TUNSETIFF, _IFF_TUN_NO_PI = 0x400454CA, 0x1001
_RULES = """
table inet oracle {
  chain forward {
    type filter hook forward priority 0;
    ct state invalid ip dscp set 1
    ct state new ip dscp set 2
    ct state { established, related } ip dscp set 3
    ct state invalid ip6 dscp set 1
    ct state new ip6 dscp set 2
    ct state { established, related } ip6 dscp set 3
  }
}
"""
_INVALID_DSCP = 1
_CTNETLINK_GET = 1 << 8 | 1  # NFNL_SUBSYS_CTNETLINK, IPCTNL_MSG_CT_GET
_NLMSG_ERROR = 2
# include/uapi/linux/netfilter/nf_conntrack_tcp.h
STATES = ["NONE", "SYN_SENT", "SYN_RECV", "ESTABLISHED", "FIN_WAIT", "CLOSE_WAIT", "LAST_ACK", "TIME_WAIT", "CLOSE", "SYN_SENT2"]


def enter_namespace():
    """Runs this program again in a namespace of its own. False: that is not allowed here, or there is no nft."""
    if os.environ.get("CORETRACK_ORACLE_NAMESPACE"):
        return True
    rights = ["--map-root-user"] if os.geteuid() else []
    table = ["unshare", *rights, "--net", "nft", "add table inet oracle"]
    try:
        allowed = subprocess.run(table, capture_output=True).returncode == 0 and os.path.exists("/dev/net/tun")
    except OSError:
        allowed = False
    if not allowed:
        return False
    os.environ["CORETRACK_ORACLE_NAMESPACE"] = "1"
    os.execvp("unshare", ["unshare", *rights, "--net", sys.executable, *sys.argv])


class Router:
    def __init__(self):
        self._devices = {}
        for at, name in enumerate(("client", "server")):
            device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
            fcntl.ioctl(device, _TUNSETIFF, struct.pack("16sH22x", name.encode(), _IFF_TUN_NO_PI))
            subprocess.run(["ip", "link", "set", name, "up"], check=True)
            for version, hosts in HOSTS.items():
                subprocess.run(["ip", f"-{version}", "route", "add", hosts[at], "dev", name], check=True)
                self._devices[hosts[at]] = device
        self._sysctl("ipv4/ip_forward", 1)
        self._sysctl("ipv4/conf/all/rp_filter", 0)
        self._sysctl("ipv6/conf/all/forwarding", 1)
        subprocess.run(["nft", "-f", "-"], input=_RULES, text=True, check=True)
        self._netlink = socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, 12)
        for device in self._devices.values():
            self._read(device)

    @staticmethod
    def _sysctl(name, value):
        with open(f"/proc/sys/net/{name}", "w", encoding="ascii") as file:
            file.write(str(value))

    @staticmethod
    def _read(device):
        packets = []
        while True:
            try:
                packets.append(os.read(device, 65536))
            except BlockingIOError:
                return [p for p in packets if p[6 if p[0] >> 4 == 6 else 9] == socket.IPPROTO_TCP]

    def send(self, packet, source, destination):
        """True: conntrack judged it invalid."""
        os.write(self._devices[source], packet)
        came = self._read(self._devices[destination])
        if not came and select.select([self._devices[destination]], [], [], 2)[0]:  # a busy machine puts it off
            came = self._read(self._devices[destination])
        if len(came) != 1:
            raise RuntimeError(f"{len(came)} packets came out instead of one")
        marked = struct.unpack_from("!H", came[0])[0] >> 6 & 63 if came[0][0] >> 4 == 6 else came[0][1] >> 2
        return marked == _INVALID_DSCP

    def state(self, source, sport, destination, dport):
        """The entry's TCP state, whichever way it was opened; None: there is no entry."""
        for tuple_ in ((source, sport, destination, dport), (destination, dport, source, sport)):
            name = self._get(*tuple_)
            if name:
                return name
        return None

    def _get(self, source, sport, destination, dport):
        family, first = (socket.AF_INET6, 3) if ":" in source else (socket.AF_INET, 1)  # CTA_IP_V6_SRC, CTA_IP_V4_SRC
        ip = b"".join(_attribute(first + at, socket.inet_pton(family, address)) for at, address in enumerate((source, destination)))
        proto = _attribute(1, bytes([socket.IPPROTO_TCP])) + _attribute(2, struct.pack("!H", sport)) + _attribute(3, struct.pack("!H", dport))
        body = struct.pack("=BBH", family, 0, 0) + _nested(1, _nested(1, ip) + _nested(2, proto))
        self._netlink.send(struct.pack("=IHHII", 16 + len(body), _CTNETLINK_GET, 1, 0, 0) + body)
        answer = self._netlink.recv(16384)
        if struct.unpack_from("=H", answer, 4)[0] == _NLMSG_ERROR:
            return None
        protoinfo = _attributes(answer[20:]).get(4)
        return STATES[_attributes(_attributes(protoinfo)[1])[1][0]] if protoinfo else None


def _attribute(kind, data):
    return struct.pack("=HH", 4 + len(data), kind) + data + bytes(-len(data) % 4)


def _nested(kind, data):
    return _attribute(kind | 0x8000, data)


def _attributes(data):
    found = {}
    while len(data) >= 4:
        length, kind = struct.unpack_from("=HH", data)
        found[kind & 0x7FFF] = data[4:length]
        data = data[(length + 3) & ~3:]
    return found
