"""One real Linux TCP endpoint, alone in a network namespace, behind a TUN device whose other end is ours.

Whatever it sends, we read; whatever we write, it receives, at once: the kernel handles a packet before write() returns.
"""

import errno
import fcntl
import os
import socket
import struct
import subprocess
import sys

HOST, PEER = "10.9.0.1", "10.9.0.2"
SERVER_PORT = 80
_TUNSETIFF, _IFF_TUN_NO_PI = 0x400454CA, 0x1001
_SOCK_DIAG_BY_FAMILY, _NLMSG_ERROR = 20, 2
STATES = [None, "ESTABLISHED", "SYN_SENT", "SYN_RCVD", "FIN_WAIT_1", "FIN_WAIT_2", "TIME_WAIT", "CLOSED", "CLOSE_WAIT",
          "LAST_ACK", "LISTEN", "CLOSING", "SYN_RCVD"]  # include/net/tcp_states.h


def enter_namespace():
    """Runs this program again in a namespace of its own. False: that is not allowed here."""
    if os.environ.get("CORETRACK_ENDPOINT_NAMESPACE"):
        return True
    rights = ["--map-root-user"] if os.geteuid() else []
    if subprocess.run(["unshare", *rights, "--net", "true"], capture_output=True).returncode or not os.path.exists("/dev/net/tun"):
        return False
    os.environ["CORETRACK_ENDPOINT_NAMESPACE"] = "1"
    os.execvp("unshare", ["unshare", *rights, "--net", sys.executable, *sys.argv])


class Host:
    def __init__(self):
        self._tun = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        fcntl.ioctl(self._tun, _TUNSETIFF, struct.pack("16sH22x", b"tun0", _IFF_TUN_NO_PI))
        for command in ("ip link set lo up", f"ip addr add {HOST}/32 dev tun0", "ip link set tun0 mtu 1500 up",
                        # An ACK at once, also of a FIN: until it is sent, nobody on the way can know.
                        f"ip route add {PEER}/32 dev tun0 quickack 1"):
            subprocess.run(command.split(), check=True)
        self.sysctl("ipv4/tcp_rfc1337", 1)  # a RST does not end TIME_WAIT: shared by the tracker
        # Cookies hide SYN_RCVD; limits on challenge ACKs and on orphans make a run depend on the one before.
        self.sysctl("ipv4/tcp_syncookies", 0)
        self.sysctl("ipv4/tcp_challenge_ack_limit", 1 << 30)
        self.sysctl("ipv4/tcp_invalid_ratelimit", 0)
        self.sysctl("ipv4/tcp_max_orphans", 1 << 20)
        self.sysctl("ipv4/tcp_syn_retries", 127)
        self._diag = socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, 4)
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind((HOST, SERVER_PORT))
        self.listener.listen(4096)
        self.listener.setblocking(False)
        self.read()

    @staticmethod
    def sysctl(name, value):
        """What this kernel lacks, or keeps for the first namespace, stays as it is."""
        try:
            with open(f"/proc/sys/net/{name}", "w", encoding="ascii") as file:
                file.write(str(value))
        except OSError:
            pass

    def write(self, packet):
        os.write(self._tun, packet)

    def read(self):
        """The IPv4 packets that came out since the last call."""
        packets = []
        while True:
            try:
                packet = os.read(self._tun, 65536)
            except BlockingIOError:
                return packets
            if packet[0] >> 4 == 4:
                packets.append(packet)

    def connect(self, port):
        """A socket in SYN_SENT, towards the peer's `port`."""
        sock = socket.socket()
        sock.setblocking(False)
        if sock.connect_ex((PEER, port)) != errno.EINPROGRESS:
            raise OSError("connect")
        return sock

    def accept(self):
        """The connection that has come up, or None."""
        try:
            sock, _ = self.listener.accept()
        except BlockingIOError:
            return None
        sock.setblocking(False)
        return sock

    def state(self, host_port, peer_port):
        """What the kernel says of this 4-tuple, by NETLINK_SOCK_DIAG: also for orphans, requests and TIME_WAIT."""
        request = struct.pack("=BBBxI", socket.AF_INET, socket.IPPROTO_TCP, 0, 0xFFFFFFFF)
        request += struct.pack("!HH", host_port, peer_port)
        request += socket.inet_aton(HOST) + bytes(12) + socket.inet_aton(PEER) + bytes(12)
        request += struct.pack("=III", 0, 0xFFFFFFFF, 0xFFFFFFFF)
        self._diag.send(struct.pack("=IHHII", 16 + len(request), _SOCK_DIAG_BY_FAMILY, 1, 0, 0) + request)
        answer = self._diag.recv(8192)
        if struct.unpack_from("=H", answer, 4)[0] == _NLMSG_ERROR:
            return "CLOSED"
        state = STATES[answer[17]]
        return "CLOSED" if state == "LISTEN" else state
