"""TCP segments in IPv4 and IPv6 packets: made, and taken apart. Also used by tests/oracle."""

import socket
import struct

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


def build(source, destination, sport, dport, seq, ack, flags, window, options=b"", data=b"", urgent=0):
    """`options`: a multiple of four bytes."""
    tcp = struct.pack("!HHIIBBHHH", sport, dport, seq & MASK, ack & MASK if flags & ACK else 0, (20 + len(options)) // 4 << 4, flags,
                      window, 0, urgent) + options + data
    ipv6 = ":" in source
    addresses = b"".join(socket.inet_pton(socket.AF_INET6 if ipv6 else socket.AF_INET, a) for a in (source, destination))
    tcp = tcp[:16] + struct.pack("!H", _checksum(addresses + struct.pack("!HH", 6, len(tcp)) + tcp)) + tcp[18:]
    if ipv6:
        return struct.pack("!IHBB", 6 << 28, len(tcp), 6, 64) + addresses + tcp
    ip = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(tcp), 0, 0x4000, 64, 6, 0) + addresses
    return ip[:10] + struct.pack("!H", _checksum(ip)) + ip[12:] + tcp


def offer(options):
    """The options of a SYN: mss, scale, sack, time (value, echo); of any segment: time, blocks [(left, right)]."""
    data = b""
    if "mss" in options:
        data += struct.pack("!BBH", 2, 4, options["mss"])
    if "scale" in options:
        data += struct.pack("!BBBB", 1, 3, 3, options["scale"])
    if "sack" in options:
        data += b"\1\1\4\2"
    if "time" in options:
        data += timestamp(*options["time"])
    if "blocks" in options:
        data += struct.pack("!BBBB", 1, 1, 5, 2 + 8 * len(options["blocks"]))
        data += b"".join(struct.pack("!II", left & MASK, right & MASK) for left, right in options["blocks"])
    return data


def timestamp(value, echo):
    return struct.pack("!BBBBII", 1, 1, 8, 10, value & MASK, echo)


class Segment:
    """A TCP segment in an IP packet without extension headers, taken apart."""

    def __init__(self, packet):
        self.packet = packet
        if packet[0] >> 4 == 6:
            start, total = 40, 40 + struct.unpack_from("!H", packet, 4)[0]
            self.source = socket.inet_ntop(socket.AF_INET6, packet[8:24])
        else:
            start, total = (packet[0] & 15) * 4, struct.unpack_from("!H", packet, 2)[0]
            self.source = socket.inet_ntoa(packet[12:16])
        self.sport, self.dport, self.seq, self.ack, offset, self.flags, self.window = \
            struct.unpack_from("!HHIIBBH", packet, start)
        header = (offset >> 4) * 4
        self.length = total - start - header
        self.end = (self.seq + self.length + bool(self.flags & SYN) + bool(self.flags & FIN)) & MASK
        self.options = _options(packet[start + 20:start + header])

    def __str__(self):
        flags = "".join(letter for bit, letter in enumerate(_LETTERS) if self.flags >> bit & 1) or "none"
        options = "".join(f" {name} {value}" for name, value in self.options.items())
        return (f"{self.source}:{self.sport} > {flags} {self.seq}:{self.end}({self.length}) ack {self.ack} "
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
        elif kind == 5:
            found["blocks"] = [struct.unpack_from("!II", body, at) for at in range(0, len(body), 8)]
        elif kind == 8:
            found["time"] = struct.unpack("!II", body)
    return found
