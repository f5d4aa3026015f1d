"""Random TCP talks: two plain ends that take turns, and segments that belong to neither.

Nothing is lost or reordered but on purpose; what an end has got is known exactly (record.py).
"""

from record import Record, after
from router import HOSTS
from segment import ACK, FIN, MASK, PSH, RST, SYN, URG, Segment, build, offer

SERVER_PORT = 80


class Side:
    def __init__(self, address, port, random):
        self.address, self.port = address, port
        self.isn = self.next = random.choice([random.getrandbits(32), MASK - random.randrange(300)])
        self.end = None  # in the record
        self.fin_sent = self.syn_sent = False
        self.hole = None  # (seq, length) that was skipped
        self.window = random.choice([1000, 20_000, 65_535])
        self.clock = random.choice([random.getrandbits(32), MASK - random.randrange(300), 1_000_000])
        self.options = {"mss": 1460}
        if random.random() < 0.5:
            self.options["scale"] = random.choice([0, 3, 7])
        if random.random() < 0.6:
            self.options["sack"] = True
        if random.random() < 0.6:
            self.options["time"] = True

    @property
    def expects(self):
        """The next number of the other side; None: it has not been heard."""
        return self.end.expects

    @property
    def closed(self):
        return self.end.closed


class Talk:
    def __init__(self, number, port, random):
        self.number, self.random = number, random
        self.version = 6 if random.random() < 0.3 else 4
        client, server = HOSTS[self.version]
        self.client = Side(client, port, random)
        self.server = Side(server, SERVER_PORT, random)
        self.record = Record((client, port), (server, SERVER_PORT))
        self.client.end, self.server.end = self.record.ends.values()
        self.log = []  # Segment
        self.views = []  # record.View, before each of them
        self.words = []  # Record.words(), after each of them
        self.turns = []  # the name of the turn that each segment came from

    def run(self, turns, pass_on):
        """`pass_on` takes each segment as it is sent."""
        self._pass_on = pass_on
        c, s = self.client, self.server
        if self.random.random() < 0.9:
            for side, name in ((c, "syn"), (s, "syn_ack"), (c, "ack")):
                self._turn(side, name)
        for _ in range(turns):
            side = self.random.choice((c, s))
            name = self.random.choice(_USUAL if self.random.random() < _DECENT else _ODD)
            self._turn(side, name)
        return self

    def _turn(self, side, name):
        self._now = name
        getattr(self, name)(side, self.server if side is self.client else self.client)

    def _send(self, side, other, flags, seq=None, ack=None, data=b"", window=None, age=0, blocks=()):
        scaled = "scale" in side.options and "scale" in other.options and not flags & SYN
        shown = side.window if window is None else window
        if scaled:
            shown = -(-shown >> side.options["scale"])  # rounded up: a window must not shrink
        seq = side.next if seq is None else seq
        ack = (side.expects or 0) if ack is None else ack
        packet = build(side.address, other.address, side.port, other.port, seq, ack, flags, shown, self._options(side, other, flags, age, blocks), data)
        s = Segment(packet)
        self.log.append(s)
        self.views.append(self.record.add(s))
        self.views[-1].misled = [end.shown not in (None, honest.next) for end, honest in ((self.views[-1].sender, side), (self.views[-1].receiver, other))]
        self.words.append(self.record.words())
        self.turns.append(self._now)
        self._pass_on(s)

    def _options(self, side, other, flags, age, blocks):
        options = dict(side.options) if flags & SYN else {}
        times = "time" in side.options and ("time" in other.options or (flags & SYN and not flags & ACK))
        options.pop("time", None)
        if times and not flags & RST:
            side.clock += self.random.choice([0, 1, 1, 10, 10, 1000])
            options["time"] = (side.clock - age, side.end.recent or 0)
        if "sack" in side.options and "sack" in other.options and not flags & (SYN | RST) and side.expects is not None:
            blocks = [*blocks, *side.end.blocks()][:3]
            if blocks:
                options["blocks"] = blocks
        return offer(options)

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
        if other.end.limit is not None and after(side.next + len(data), other.end.limit):
            return
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
            self._send(side, other, ACK, seq=side.next - 10 - side.fin_sent, data=b"d" * 10)

    def skip(self, side, other):
        """Data behind a hole."""
        if self._synchronized(side) and not side.fin_sent and not side.hole:
            side.hole = side.next, self.random.choice([1, 10, 300])
            side.next = (side.next + side.hole[1]) & MASK
            self.data(side, other)

    def fill(self, side, other):
        if self._synchronized(side) and side.hole:
            (seq, length), side.hole = side.hole, None
            self._send(side, other, ACK, seq=seq, data=b"f" * length)

    def twice(self, side, other):
        """Says that the last ten bytes came twice (RFC 2883)."""
        if self._synchronized(side) and (side.expects - other.isn) & MASK > 20:
            self._send(side, other, ACK, blocks=[(side.expects - 10, side.expects)])

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
            side.end.closed = True

    def odd_reset(self, side, other):
        self._send(side, other, RST | self.random.choice([0, ACK]), seq=self._somewhere(side, other), ack=self._some_ack(side, other))

    def odd_ack(self, side, other):
        self._send(side, other, ACK, seq=self._somewhere(side, other), ack=self._some_ack(side, other))

    def odd_data(self, side, other):
        self._send(side, other, ACK, seq=self._somewhere(side, other), ack=self._some_ack(side, other), data=b"o" * 10)

    def odd_time(self, side, other):
        """Honest but for its timestamp, which is of a while ago."""
        if self._synchronized(side):
            self._send(side, other, ACK, data=b"t" * (0 if side.fin_sent else self.random.choice([0, 10])), age=self.random.choice([1, 2, 50, 5000, 1 << 20]))

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


_DECENT = 0.9  # of all turns
_USUAL = ["ack", "ack", "ack", "data", "data", "data", "fin", "again", "skip", "fill", "fill", "twice"]
_ODD = ["syn", "syn_ack", "reset", "odd_reset", "odd_ack", "odd_data", "odd_fin", "odd_syn", "odd_syn_ack", "odd_flags", "odd_time", "keep_alive",
        "zero_window"]
