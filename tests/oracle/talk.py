"""Random TCP talks: two plain ends that take turns, and segments that belong to neither.

Nothing is lost or reordered but on purpose; what an end has got is known exactly (Side.expects).
"""

from router import CLIENT, SERVER
from segment import ACK, FIN, MASK, PSH, RST, SYN, URG, Segment, build, offer

SERVER_PORT = 80


class Side:
    def __init__(self, address, port, random):
        self.address, self.port = address, port
        self.isn = self.next = random.choice([random.getrandbits(32), MASK - random.randrange(300)])
        self.expects = None  # the next number of the other side; None: it has not been heard
        self.fin_sent = self.syn_sent = self.closed = False
        self.window = random.choice([1000, 20_000, 65_535])
        self.options = {"mss": 1460}
        if random.random() < 0.5:
            self.options["scale"] = random.choice([0, 3, 7])
        if random.random() < 0.5:
            self.options["sack"] = True


class Talk:
    def __init__(self, number, port, random):
        self.number, self.random = number, random
        self.client = Side(CLIENT, port, random)
        self.server = Side(SERVER, SERVER_PORT, random)
        self.log = []  # Segment
        self.turns = []  # the name of the turn that each segment came from

    def run(self, turns, pass_on):
        """`pass_on` takes each segment as it is sent, and says whether it reached the other side."""
        self._pass_on = pass_on
        c, s = self.client, self.server
        if self.random.random() < 0.9:
            for side, name in ((c, "syn"), (s, "syn_ack"), (c, "ack")):
                self._turn(side, name)
        for _ in range(turns):
            side = self.random.choice((c, s))
            name = self.random.choice(_USUAL if self.random.random() < 0.8 else _ODD)
            self._turn(side, name)
        return self

    def _turn(self, side, name):
        self._now = name
        getattr(self, name)(side, self.server if side is self.client else self.client)

    def _send(self, side, other, flags, seq=None, ack=None, data=b"", window=None):
        scaled = "scale" in side.options and "scale" in other.options and not flags & SYN
        shown = side.window if window is None else window
        if scaled:
            shown >>= side.options["scale"]
        seq = side.next if seq is None else seq
        ack = (side.expects or 0) if ack is None else ack
        packet = build(side.address, other.address, side.port, other.port, seq, ack, flags, shown,
                       offer(side.options) if flags & SYN else b"", data)
        s = Segment(packet)
        self.log.append(s)
        self.turns.append(self._now)
        if not self._pass_on(s):
            return
        if flags & RST:
            if other.expects is not None and s.seq == other.expects:
                other.closed = True
        elif flags & SYN and flags & FIN:
            pass  # nobody takes it
        elif flags & SYN and other.expects is None:
            other.expects = s.end
        elif other.expects is not None and s.seq == other.expects and flags & (ACK | SYN) == ACK:
            other.expects = s.end

    # What a decent end sends.

    def syn(self, side, other):
        if side.closed or (side.syn_sent and side.expects is not None):
            return
        self._send(side, other, SYN, seq=side.isn)
        side.syn_sent, side.next = True, (side.isn + 1) & MASK

    def syn_ack(self, side, other):
        if side.expects is None or side.closed or (side.syn_sent and side.next != (side.isn + 1) & MASK):
            return
        self._send(side, other, SYN | ACK, seq=side.isn)
        side.syn_sent, side.next = True, (side.isn + 1) & MASK

    def _synchronized(self, side):
        return side.syn_sent and side.expects is not None and not side.closed

    def ack(self, side, other):
        if self._synchronized(side):
            self._send(side, other, ACK)

    def data(self, side, other):
        if not self._synchronized(side) or side.fin_sent:
            return
        data = b"d" * self.random.choice([1, 10, 300])
        self._send(side, other, ACK | PSH, data=data)
        side.next = (side.next + len(data)) & MASK

    def fin(self, side, other):
        if not self._synchronized(side):
            return
        self._send(side, other, FIN | ACK, seq=side.next - 1 if side.fin_sent else side.next)
        if not side.fin_sent:
            side.fin_sent, side.next = True, (side.next + 1) & MASK

    def again(self, side, other):
        """A retransmission of the last ten bytes."""
        if self._synchronized(side) and (side.next - side.isn) & MASK > 20:
            self._send(side, other, ACK, seq=side.next - 10, data=b"d" * 10)

    # What belongs to neither.

    def _somewhere(self, side, other):
        base, pick = side.next, self.random.randrange
        return base + self.random.choice([0, 1, -1, pick(1, other.window), other.window, other.window + 1, -pick(1, 3000), -(1 << 20),
                                          1 << 20, pick(1 << 32)])

    def _some_ack(self, side, other):
        pick = self.random.randrange
        return (side.expects or 0) + self.random.choice([0, 0, 0, 1, -1, -pick(1, 2000), pick(1, 2000), 1 << 20, -(1 << 20), pick(1 << 32)])

    def reset(self, side, other):
        if self._synchronized(side) and self.random.random() < 0.3:
            self._send(side, other, RST | self.random.choice([0, ACK]))
            side.closed = True

    def odd_reset(self, side, other):
        self._send(side, other, RST | self.random.choice([0, ACK]), seq=self._somewhere(side, other), ack=self._some_ack(side, other))

    def odd_ack(self, side, other):
        self._send(side, other, ACK, seq=self._somewhere(side, other), ack=self._some_ack(side, other))

    def odd_data(self, side, other):
        self._send(side, other, ACK, seq=self._somewhere(side, other), ack=self._some_ack(side, other), data=b"o" * 10)

    def odd_fin(self, side, other):
        self._send(side, other, FIN | ACK, seq=self._somewhere(side, other), ack=self._some_ack(side, other))

    def odd_syn(self, side, other):
        self._send(side, other, SYN, seq=self._somewhere(side, other))

    def odd_syn_ack(self, side, other):
        self._send(side, other, SYN | ACK, seq=self.random.choice([side.isn, self._somewhere(side, other)]), ack=self._some_ack(side, other))

    def odd_flags(self, side, other):
        self._send(side, other, self.random.choice([0, FIN, PSH, SYN | FIN, SYN | RST, FIN | PSH | URG, FIN | RST, SYN | FIN | ACK]))

    def keep_alive(self, side, other):
        if self._synchronized(side):
            self._send(side, other, ACK, seq=side.next - 1)

    def zero_window(self, side, other):
        if self._synchronized(side):
            self._send(side, other, ACK, window=0)


_USUAL = ["ack", "ack", "data", "data", "fin", "again"]
_ODD = ["syn", "syn_ack", "reset", "odd_reset", "odd_ack", "odd_data", "odd_fin", "odd_syn", "odd_syn_ack", "odd_flags", "keep_alive", "zero_window"]
