"""The other end of the connection: it says what it is told to, true or not, and keeps account of what the host says."""

import socket
import struct

from host import HOST, PEER

FIN, SYN, RST, PSH, ACK, URG = 1, 2, 4, 8, 16, 32
MASK = 0xFFFFFFFF
_LETTERS = "FSRP.U"


def _checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


class Segment:
    """A TCP segment in an IPv4 packet, taken apart."""

    def __init__(self, packet):
        start = (packet[0] & 15) * 4
        total = struct.unpack_from("!H", packet, 2)[0]
        self.packet = packet
        self.from_host = packet[12:16] == socket.inet_aton(HOST)
        self.sport, self.dport, self.seq, self.ack, offset, self.flags, self.window = \
            struct.unpack_from("!HHIIBBH", packet, start)
        header = (offset >> 4) * 4
        self.length = total - start - header
        self.end = (self.seq + self.length + bool(self.flags & SYN) + bool(self.flags & FIN)) & MASK
        self.options = _options(packet[start + 20:start + header])

    def __str__(self):
        flags = "".join(letter for bit, letter in enumerate(_LETTERS) if self.flags >> bit & 1) or "none"
        options = "".join(f" {name} {value}" for name, value in self.options.items())
        return (f"{'host' if self.from_host else 'peer'} > {flags} {self.seq}:{self.end}({self.length}) ack {self.ack} "
                f"win {self.window}{options}")


def _options(data):
    found = {}
    while data:
        kind = data[0]
        if kind == 0:
            break
        if kind == 1:
            data = data[1:]
            continue
        body, data = data[2:data[1]], data[data[1]:]
        if kind == 2:
            found["mss"] = struct.unpack("!H", body)[0]
        elif kind == 3:
            found["scale"] = body[0]
        elif kind == 4:
            found["sack"] = True
        elif kind == 8:
            found["time"] = struct.unpack("!II", body)
    return found


class Peer:
    def __init__(self, host, port, host_port, isn, options):
        self.host, self.port, self.host_port = host, port, host_port
        self.isn = self.next = isn  # the next sequence number to send
        self.options = options  # offered in a SYN: mss, scale, sack, time
        self.clock = 1_000_000
        self.log = []  # every segment, both ways
        self.host_isn = None
        self.host_next = 0  # behind the highest that the host has sent
        self.host_expects = isn  # the host's last ACK
        self.host_window = self.largest_window = 0
        self.host_fin = self.host_syn = self.fin_sent = False
        self.host_scale = 0
        self.forged = False  # a segment of ours was plausible, but not of our stream
        self.hole = b""  # data in front of the FIN that was sent
        self.times = False
        self.echo = 0

    def send(self, flags, seq=None, ack=None, data=b"", window=20_000, age=0, urgent=0):
        """`age`: how much older than now the timestamp is. `ack` None: all that the host has sent."""
        seq = self.next if seq is None else seq & MASK
        ack = self.host_next if ack is None else ack & MASK
        ahead = (seq - self.host_expects) & MASK
        if not flags & RST and self.host_syn and 0 < ahead <= self.host_window * 9 // 8 and seq != self.next and data != self.hole:
            self.forged = True
        if not flags & (RST | SYN) and seq == self.isn != self.next and self.host_syn:
            self.forged = True
        if not flags & RST and flags & ACK and self.host_syn and (ack - self.host_isn - 1) & MASK >= (self.host_next - self.host_isn) & MASK:
            self.forged = True
        options = self._options_of(flags, age)
        tcp = struct.pack("!HHIIBBHHH", self.port, self.host_port, seq, ack if flags & ACK else 0,
                          (20 + len(options)) // 4 << 4, flags, window, 0, urgent) + options + data
        pseudo = socket.inet_aton(PEER) + socket.inet_aton(HOST) + struct.pack("!HH", 6, len(tcp))
        tcp = tcp[:16] + struct.pack("!H", _checksum(pseudo + tcp)) + tcp[18:]
        ip = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(tcp), 0, 0x4000, 64, 6, 0)
        ip += socket.inet_aton(PEER) + socket.inet_aton(HOST)
        ip = ip[:10] + struct.pack("!H", _checksum(ip)) + ip[12:]
        self.log.append(Segment(ip + tcp))
        self.host.write(ip + tcp)
        self.listen()

    def _options_of(self, flags, age):
        options = b""
        if flags & SYN:
            if "mss" in self.options:
                options += struct.pack("!BBH", 2, 4, self.options["mss"])
            if "scale" in self.options:
                options += struct.pack("!BBBB", 1, 3, 3, self.options["scale"])
            if "sack" in self.options:
                options += b"\1\1\4\2"
        if self.times or (flags & SYN and not flags & ACK and "time" in self.options):
            self.clock += 10
            options += struct.pack("!BBBBII", 1, 1, 8, 10, (self.clock - age) & MASK, self.echo)
        return options

    def listen(self):
        """Takes account of what the host has sent."""
        for packet in self.host.read():
            if packet[9] != 6:
                continue
            s = Segment(packet)
            if s.dport != self.port:
                continue  # a late word of an earlier connection
            self.log.append(s)
            self._hear(s)

    def _hear(self, s):
        if s.flags & RST:
            return
        if s.flags & SYN:
            if self.host_isn != s.seq:
                self.host_isn, self.host_next = s.seq, s.end
            self.host_syn = True
            self.host_scale = s.options.get("scale", 0) if "scale" in self.options else 0
            self.times = "time" in s.options and "time" in self.options
        if (s.end - self.host_next) & MASK < 1 << 31:
            self.host_next = s.end
        if s.flags & FIN:
            self.host_fin = True
        if s.flags & ACK:
            self.host_expects = s.ack
            self.host_window = s.window << (0 if s.flags & SYN else self.host_scale)
            self.largest_window = max(self.largest_window, self.host_window)
        if "time" in s.options:
            self.echo = s.options["time"][0]
