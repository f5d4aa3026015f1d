"""Which of the segments that were judged invalid did their peer lose anything by?

A segment is stale when everything in it had passed the box before: its bytes acknowledged by the other side, and its own
acknowledgment shown by its side. The peer has no use for it, and by RFC 9293 3.10.7.4 drops it too. So does the peer drop a
segment whose timestamp is older than one that the peer has echoed already (RFC 7323 5.3, R1).
"""

import json
import socket
import struct
import subprocess

FIN, SYN, RST, ACK = 1, 2, 4, 16
_MASK = 0xFFFFFFFF


def after(a, b):
    return 0 < (a - b) & _MASK < 1 << 31


class Segment:
    def __init__(self, frame):
        ipv6 = frame[12:14] == b"\x86\xdd"
        ip, family, at, width = 14, (socket.AF_INET6 if ipv6 else socket.AF_INET), (22 if ipv6 else 26), (16 if ipv6 else 4)
        start = 54 if ipv6 else ip + (frame[ip] & 15) * 4
        end = 54 + struct.unpack_from("!H", frame, 18)[0] if ipv6 else ip + struct.unpack_from("!H", frame, 16)[0]
        sport, dport, self.seq, self.ack, offset, self.flags, self.window = struct.unpack_from("!HHIIBBH", frame, start)
        addresses = [socket.inet_ntop(family, frame[at + i * width:at + (i + 1) * width]) for i in (0, 1)]
        self.sender, self.receiver = (addresses[0], sport), (addresses[1], dport)
        self.length = end - start - (offset >> 4) * 4
        self.time = _timestamps(frame[start + 20:start + (offset >> 4) * 4])
        self.end = (self.seq + self.length + bool(self.flags & SYN) + bool(self.flags & FIN)) & _MASK

    def __str__(self):
        flags = "".join(letter for bit, letter in enumerate("FSRP.U") if self.flags >> bit & 1)
        return f"{self.sender[0]}:{self.sender[1]} > :{self.receiver[1]} {flags} {self.seq}:{self.end}({self.length}) ack {self.ack} win {self.window} {self.time or ''}"


def _timestamps(options):
    """(value, echo), or None."""
    while options and options[0]:
        if options[0] == 1:
            options = options[1:]
        elif options[0] == 8:
            return struct.unpack_from("!II", options, 2)
        else:
            options = options[options[1]:]
    return None


def read(path):
    """The frames of a capture that impair.py wrote; None for what is not TCP."""
    with open(path, "rb") as file:
        data = file.read()
    at = 24
    while at < len(data):
        length = struct.unpack_from("=I", data, at + 8)[0]
        frame = data[at + 16:at + 16 + length]
        protocol = frame[20] if frame[12:14] == b"\x86\xdd" else frame[23]
        yield Segment(frame) if protocol == 6 else None
        at += 16 + length


def first_fin_unseen(path, end):
    """Both ends sent a FIN before they had the other's, but every copy of `end`'s that the box saw acknowledges the other one."""
    fins = {}
    for s in read(path):
        if s and s.flags & FIN and end in (s.sender, s.receiver):
            fins.setdefault(s.sender == end, []).append(s)
    own, other = fins.get(True, []), fins.get(False, [])
    return bool(own and other) and not any(after(other[0].end, s.ack) for s in own)


def invalid_segments(binary, path):
    """[(packet, reason)] by `coretrack replay --events`."""
    output = subprocess.run([binary, "replay", "--events", path], check=True, capture_output=True, text=True).stdout
    events = (json.loads(line) for line in output.splitlines() if '"invalid"' in line)
    return [(event["packet"], event["invalid"]) for event in events]


def unexplained(binary, path):
    """(number of invalid segments, [text of each that was not stale])."""
    reasons = dict(invalid_segments(binary, path))
    acked, echoed, texts, log = {}, {}, [], {}  # the highest ACK, the latest echo, that each sender has shown to each receiver
    for number, s in enumerate(read(path), 1):
        if s is None:
            continue
        way, back = (s.sender, s.receiver), (s.receiver, s.sender)
        if s.flags & SYN and not s.flags & ACK and way in acked and not after(acked.get(back, s.end), s.seq):
            for seen in (acked, echoed):
                seen.pop(way, None), seen.pop(back, None)
        log.setdefault(frozenset(way), []).append(f"{number}: {s} {reasons.get(number, '')}")
        if number in reasons:
            nothing_new = back in acked and not after(s.end, acked[back]) and (way in acked and not after(s.ack, acked[way]) or s.flags & RST)
            too_old = s.time and back in echoed and after(echoed[back], s.time[0])
            if not nothing_new and not too_old:
                texts.append(f"packet {number}, {reasons[number]}: {s}\n" + "\n".join("    " + line for line in log[frozenset(way)][-14:]))
            continue
        if s.flags & ACK and (way not in acked or after(s.ack, acked[way])):
            acked[way] = s.ack
        if s.time and s.flags & ACK and (way not in echoed or after(s.time[1], echoed[way])):
            echoed[way] = s.time[1]
    return len(reasons), texts
