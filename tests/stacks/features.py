"""What really happened on the wire: how many connections of a capture had each feature that the scenarios are there for."""

import collections

from stale import ACK, FIN, RST, SYN, after, read

_ECE, _CWR = 64, 128
_WINDOW_SCALE, _SACK = 3, 5
WANTED = ["window scale 14", "SACK blocks", "ECN SYN", "data in SYN", "zero window", "zero-window probe", "keep-alive", "SYNs crossed", "FINs crossed"]
AT_LEAST = 3  # connections


class _Connection:
    def __init__(self):
        self.features = set()
        self.acked = {}  # by whom: its last ACK
        self.window = {}  # by whom: its last window
        self.syns, self.fins = {}, {}  # by whom: the first

    def add(self, s):
        acked = self.acked.get(s.receiver)
        if s.flags & RST:
            return
        if s.flags & SYN:
            if s.options.get(_WINDOW_SCALE) == b"\x0e":
                self.features.add("window scale 14")
            if s.length:
                self.features.add("data in SYN")
            if s.flags & (_ECE | _CWR | ACK) == _ECE | _CWR:
                self.features.add("ECN SYN")
            if not s.flags & ACK:
                self.syns.setdefault(s.sender, s)
                if len(self.syns) == 2:
                    self.features.add("SYNs crossed")
            return
        if _SACK in s.options:
            self.features.add("SACK blocks")
        if s.window == 0:
            self.features.add("zero window")
        if acked is not None and s.seq == (acked - 1) & 0xFFFFFFFF and s.length <= 1 and not s.flags & FIN:
            self.features.add("keep-alive" if self.window[s.receiver] else "zero-window probe")
        if s.flags & FIN:
            self.fins.setdefault(s.sender, s)
            if len(self.fins) == 2:
                one, other = self.fins.values()
                if after(one.end, other.ack) and after(other.end, one.ack):
                    self.features.add("FINs crossed")
        self.acked[s.sender], self.window[s.sender] = s.ack, s.window


def count(path):
    """{feature: connections}."""
    connections = collections.defaultdict(_Connection)
    for s in read(path):
        if s is not None:
            connections[frozenset((s.sender, s.receiver))].add(s)
    return collections.Counter(feature for c in connections.values() for feature in c.features)
