"""What really happened on the wire: which connections of a capture had each feature that the scenarios are there for."""

import collections

from stale import ACK, FIN, RST, SYN, after, read

_ECE, _CWR = 64, 128
_WINDOW_SCALE, _SACK = 3, 5
WANTED = ["window scale 14", "SACK blocks", "ECN SYN", "data in SYN", "zero window", "zero-window probe", "keep-alive", "SYNs crossed", "FINs crossed"]
AT_LEAST = 3  # connections
ALWAYS = {"simultaneous_open": "SYNs crossed", "simultaneous_close": "FINs crossed"}  # kind: what each of its connections has


class _Connection:
    def __init__(self):
        self.features = set()
        self.acked = {}  # by whom: its last ACK
        self.window = {}  # by whom: its last window
        self.syns, self.syn_acks = set(), set()  # by whom
        self.fins = {}  # by whom: the first

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
            if s.flags & ACK:
                self.syn_acks.add(s.sender)
            elif not self.syn_acks:
                self.syns.add(s.sender)
            if len(self.syns) == len(self.syn_acks) == 2:  # which takes both hosts through SYN_RCVD
                self.features.add("SYNs crossed")
            return
        if _SACK in s.options:
            self.features.add("SACK blocks")
        if s.window == 0:
            self.features.add("zero window")
        if acked is not None and s.seq == (acked - 1) & 0xFFFFFFFF and s.length <= 1 and not s.flags & FIN:
            self.features.add("keep-alive" if self.window[s.receiver] else "zero-window probe")
        if s.flags & FIN and s.sender not in self.fins:
            self.fins[s.sender] = s
            other = self.fins.get(s.receiver)
            if other and after(other.end, s.ack) and after(other.end, self.acked.get(s.sender, s.ack)):
                self.features.add("FINs crossed")
        self.acked[s.sender], self.window[s.sender] = s.ack, s.window


def find(path):
    """{feature: the connections that had it, each the set of its ends}."""
    connections = collections.defaultdict(_Connection)
    for s in read(path):
        if s is not None:
            connections[frozenset((s.sender, s.receiver))].add(s)
    found = collections.defaultdict(set)
    for ends, connection in connections.items():
        for feature in connection.features:
            found[feature].add(ends)
    return found


def absent(found, rows):
    """[text of what did not happen though the scenarios are there for it]."""
    texts = [f"{name}: in {len(found[name])} connections" for name in WANTED if len(found[name]) < AT_LEAST]
    return texts + [f"{kind} from port {pair.client_end[1]}: not \"{ALWAYS[kind]}\"" for kind, pair, _ in rows
                    if kind in ALWAYS and frozenset((pair.client_end, pair.server_end)) not in found[ALWAYS[kind]]]
