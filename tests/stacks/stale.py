"""Which of the segments that were judged invalid did their peer make use of?

Asked of the peer alone, by no rule of the tracker's. Bytes were of use if the peer acknowledged them while no other copy, judged valid, had entered the box on
its way: this one must have got there, and been taken. An acknowledgment was of use if its side had not shown it before.
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
        self.options = dict(_options(frame[start + 20:start + (offset >> 4) * 4]))
        self.end = (self.seq + self.length + bool(self.flags & SYN) + bool(self.flags & FIN)) & _MASK

    def __str__(self):
        flags = "".join(letter for bit, letter in enumerate("FSRP.U") if self.flags >> bit & 1)
        return f"{self.sender[0]}:{self.sender[1]} > :{self.receiver[1]} {flags} {self.seq}:{self.end}({self.length}) ack {self.ack} win {self.window} "


def _options(options):
    """(kind, body)."""
    while options and options[0]:
        if options[0] == 1:
            options = options[1:]
        else:
            yield options[0], options[2:options[1]]
            options = options[options[1]:]


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


def first_fin_unseen(segments, end):
    """Both ends sent a FIN before they had the other's, but every copy of `end`'s that the box saw acknowledges the other one."""
    fins = {}
    for s in segments:
        if s and s.flags & FIN and end in (s.sender, s.receiver):
            fins.setdefault(s.sender == end, []).append(s)
    own, other = fins.get(True, []), fins.get(False, [])
    return bool(own and other) and not any(after(other[0].end, s.ack) for s in own)


def copy_unanswered(segments, end, flag):
    """The last SYN+ACK, or FIN, that the box saw of `end` was a copy of one that had been acknowledged (late, or sent again because that was lost
    behind the box), and nothing has come behind it: its answer was lost, or it was."""
    words = [s for s in segments if s and end in (s.sender, s.receiver)]
    own = [i for i, s in enumerate(words) if s.sender == end and s.flags & flag]
    if len(own) < 2 or own[-1] != len(words) - 1 or words[own[0]].end != words[own[-1]].end:
        return False
    return any(s.receiver == end and s.flags & ACK and not after(words[own[0]].end, s.ack) for s in words[:own[-1]])


def invalid_segments(binary, path):
    """[(packet, reason)] by `coretrack replay --events`."""
    output = subprocess.run([binary, "replay", "--events", path], check=True, capture_output=True, text=True).stdout
    events = (json.loads(line) for line in output.splitlines() if '"invalid"' in line)
    return [(event["packet"], event["invalid"]) for event in events]


def unexplained(binary, path):
    """(number of invalid segments, [text of each that was of use])."""
    reasons = dict(invalid_segments(binary, path))
    ways, texts = {}, []  # of each way, what entered the box
    for number, s in enumerate(read(path), 1):
        if s is not None:
            ways.setdefault((s.sender, s.receiver), []).append((number, s))
    for number, s in ((n, s) for way in ways.values() for n, s in way if n in reasons and not s.flags & SYN):
        own, back = ways[s.sender, s.receiver], ways.get((s.receiver, s.sender), [])
        if s.flags & RST:
            of_use = _reset_of_use(number, s, own, back, reasons)
        else:
            of_use = _bytes_of_use(number, s, own, back, reasons) or _ack_of_use(number, s, own)
        if not of_use:
            continue
        around = sorted((n, o) for n, o in own + back if abs(n - number) < 3000)
        at = [n for n, _ in around].index(number)
        texts.append(f"packet {number}, {reasons[number]}, was of use: {s}\n" +
                     "\n".join(f"    {n}: {o} {reasons.get(n, '')}" for n, o in around[max(0, at - 10):at + 8]))
    return len(reasons), texts


def _bytes_of_use(number, s, own, back, reasons):
    """Did the peer acknowledge these bytes though no other copy that was judged valid had entered the box?"""
    if s.end == s.seq or any(n < number and o.flags & ACK and not after(s.end, o.ack) for n, o in back):
        return False
    taken = next((n for n, o in back if n > number and o.flags & ACK and not o.flags & RST and not after(s.end, o.ack)), None)
    if taken is None:
        return False
    length = (s.end - s.seq) & _MASK
    missing = [(0, length)]
    for n, o in own:
        if n != number and n < taken and n not in reasons:
            start, end = (_signed(x - s.seq) for x in (o.seq, o.end))
            missing = [piece for a, b in missing for piece in ((a, min(b, start)), (max(a, end), b)) if piece[0] < piece[1]]
    return bool(missing)


def _ack_of_use(number, s, own):
    """Did it acknowledge what its side had not acknowledged before?"""
    before = [o for n, o in own if n < number and o.flags & ACK and not o.flags & RST]
    return bool(before) and all(after(s.ack, o.ack) for o in before)


def _reset_of_use(number, s, own, back, reasons):
    """Was it at the number that its peer expects, behind what that had acknowledged and what had entered the box without a hole, did
    the peer say nothing from then on, and had no other one ended it?"""
    acked = [o.ack for n, o in back if n < number and o.flags & ACK and not o.flags & RST]
    if not acked or any(n > number and not o.flags & RST for n, o in back):
        return False
    if any(n < number and o.flags & RST and o.seq == s.seq and n not in reasons for n, o in own):
        return False
    expected = acked[0]
    for ack in acked:
        expected = ack if after(ack, expected) else expected
    for o in sorted((o for n, o in own if n < number and not o.flags & RST), key=lambda o: _signed(o.seq - expected)):
        if not after(o.seq, expected) and after(o.end, expected):
            expected = o.end
    return s.seq == expected


def _signed(difference):
    return ((difference + (1 << 31)) & _MASK) - (1 << 31)
