"""What is true of a talk, whatever anybody on the way says of it.

A Record has both ends as RFC 9293 has them, kept from the segments alone: what each has sent, offered, acknowledged and
taken. A View is the record before one segment; by it the differences are judged.
"""

import copy

from segment import ACK, FIN, MASK, RST, SYN


def after(a, b):
    """a > b, modulo 2^32. False where one of them is not known."""
    return a is not None and b is not None and 0 < (a - b) & MASK < 1 << 31


def later(a, b):
    return b if a is None or (b is not None and after(b, a)) else a


class End:
    def __init__(self):
        self.isns = set()  # of all SYNs it sent before the connection stood
        self.isn = None  # of the one that counts
        self.sent = None  # the highest end of what came from it inside the window it was offered, forged or not
        self.una = None  # what the other end has acknowledged of that
        self.expects = None  # the next number of the other end: it has taken all before
        self.held = []  # (seq, end, fin?) of what it holds behind a hole
        self.fin = None  # the number behind the FIN that the other end has taken from it
        self.shown = None  # the highest end of all that came from it, also of what is no part of its stream
        self.fins = set()  # the numbers behind all FINs that came from it
        self.twisted = False  # a FIN came at a number that had been data, or data at one that had been a FIN
        self.limit = None  # behind the last number that it ever offered to take
        self.window = 0  # the largest window that it ever offered
        self.scale = None  # of its SYN
        self.times = False  # its SYN had timestamps
        self.recent = None  # TS.Recent, of what it took (RFC 7323 5.3)
        self.closed = False  # it got an exact RST, or sent one

    @property
    def fin_acknowledged(self):
        return self.fin is not None and self.una is not None and not after(self.fin, self.una)

    def blocks(self):
        """What a SACK option would say of it."""
        return [(seq, end) for seq, end, _ in self.held if after(seq, self.expects)][-3:]


class View:
    """The sender and the receiver of a segment as they were before it."""

    def __init__(self, sender, receiver):
        self.misled = [False, False]  # has a segment that was not theirs shown more of the sender, of the receiver, than they sent?
        self.sender, self.receiver = copy.copy(sender), copy.copy(receiver)
        for end in (self.sender, self.receiver):
            end.isns, end.held, end.fins = set(end.isns), list(end.held), set(end.fins)

    @property
    def synchronized(self):
        """Both SYNs have been acknowledged, and no other SYN makes that doubtful."""
        return all(e.isn is not None and e.una is not None and e.expects is not None and len(e.isns) == 1 for e in (self.sender, self.receiver))

    @property
    def over(self):
        """Both FINs have been taken and acknowledged, or somebody has reset."""
        ends = (self.sender, self.receiver)
        return any(e.closed for e in ends) or all(e.fin_acknowledged for e in ends)

    def in_window(self, s):
        """RFC 9293 3.10.7.4, first, with the furthest window that the receiver ever offered. A keep-alive is just below it."""
        r = self.receiver
        if r.expects is None or r.limit is None:
            return True
        if s.seq == s.end:
            return not after(r.expects, s.seq) and not after(s.seq, r.limit)
        return after(s.end, r.expects) and after(r.limit, s.seq)

    def too_old(self, s, ticks=0):
        """RFC 7323 5.3, R1; a timestamp that many ticks before is tolerated."""
        return "time" in s.options and self.receiver.recent is not None and after(self.receiver.recent - ticks, s.options["time"][0])

    def acceptable_ack(self, s):
        """RFC 5961 5.2: SND.UNA - MAX.SND.WND <= SEG.ACK <= SND.NXT."""
        r = self.receiver
        return not after(s.ack, r.sent) and not after(r.una - self.sender.window, s.ack)

    def takes(self, s):
        """Is this segment (neither SYN nor RST) of use to its receiver? What it takes, no box may call invalid."""
        if s.flags & (SYN | RST) or not s.flags & ACK or not self.synchronized or self.over:
            return False
        if any(after(s.end, fin) for fin in self.sender.fins):
            return False
        return self.in_window(s) and self.acceptable_ack(s) and not self.too_old(s, 1)

    def repeats(self, s):
        """Does it say only again what its receiver has, as keep-alives and retransmissions do? It is answered by an ACK that may be missed badly."""
        if s.flags & (SYN | RST | FIN) or not s.flags & ACK or not self.synchronized or self.over or self.too_old(s, 1):
            return False
        r = self.receiver
        if r.fin is not None and self.sender.fin is not None:
            return False  # it may be in TIME_WAIT
        return not after(s.end, r.expects) and not after(s.end, r.limit) and not after(self.sender.sent - max(r.window, 1), s.end) and self.acceptable_ack(s)

    def exact(self, s):
        """At the number that the receiver expects, or has acknowledged in sight, or at the next one that its sender would use."""
        fin = {(self.sender.fin - 1) & MASK} if self.sender.fin is not None else set()
        return s.seq in {self.receiver.expects, self.sender.una, self.sender.sent} | fin

    @property
    def hole(self):
        """Does the receiver hold something behind a hole?"""
        return any(after(seq, self.receiver.expects) for seq, _, _ in self.receiver.held)


def _word(fins, acknowledged):
    if fins == 2:  # that cross show as two in FIN_WAIT_1 first
        return {"TIME_WAIT"} if acknowledged == 2 else {"LAST_ACK"} if acknowledged else {"LAST_ACK", "FIN_WAIT"}
    return {"CLOSE_WAIT"} if acknowledged else {"FIN_WAIT"} if fins else {"ESTABLISHED"}


class Record:
    """Of one talk. `one` and `other` are (address, port)."""

    def __init__(self, one, other):
        self.ends = {one: End(), other: End()}

    def words(self):
        """What the kernel might call it: by the FINs that have been sent, or taken, and acknowledged."""
        ends = self.ends.values()
        acknowledged = sum(e.fin_acknowledged for e in ends)
        return _word(sum(bool(e.fins) for e in ends), acknowledged) | _word(sum(e.fin is not None for e in ends), acknowledged)

    def add(self, s):
        """Takes account of a segment; a View of what was before."""
        own = s.source, s.sport
        sender = self.ends[own]
        receiver = next(end for key, end in self.ends.items() if key != own)
        view = View(sender, receiver)
        if s.flags & RST:
            if not s.flags & (SYN | FIN) and not view.over:
                sender.closed = receiver.closed = receiver.expects is not None and s.seq == receiver.expects
        elif s.flags & SYN:
            if not s.flags & FIN and not view.synchronized:
                self._syn(s, sender, receiver)
        elif s.flags & ACK:
            self._other(s, sender, receiver, view)
        return view

    @staticmethod
    def _syn(s, sender, receiver):
        sender.isns.add(s.seq)
        if receiver.expects is not None and not (s.seq == sender.isn and s.flags & ACK):
            return
        sender.isn, sender.sent, sender.shown = s.seq, s.end, s.end
        sender.scale, sender.times = s.options.get("scale"), "time" in s.options
        sender.window = max(sender.window, s.window)
        receiver.expects = s.end
        if "time" in s.options:
            receiver.recent = s.options["time"][0]
        for end, peer in ((sender, receiver), (receiver, sender)):
            if peer.isn is not None:
                end.limit = later(end.limit, peer.isn + 1 + end.window)
        if s.flags & ACK and receiver.isn is not None and s.ack == (receiver.isn + 1) & MASK:
            receiver.una = s.ack

    @staticmethod
    def _other(s, sender, receiver, view):
        data_end = (s.seq + s.length) & MASK
        sender.twisted |= s.length > 0 and any(not after(fin, data_end) and after(fin, s.seq) for fin in sender.fins)
        if s.flags & FIN:
            sender.twisted |= s.end not in sender.fins and not after(s.end, sender.shown)
            sender.fins.add(s.end)
        sender.shown = later(sender.shown, s.end)
        if receiver.expects is None or receiver.isn is None or sender.isn is None:
            return
        if receiver.una is None:  # the third ACK
            if s.ack != receiver.sent or s.seq != receiver.expects:
                return
        elif sender.una is None or not view.in_window(s) or view.too_old(s):
            return
        shown = s.window << (sender.scale if sender.scale is not None and receiver.scale is not None else 0)
        if after(s.ack, receiver.sent) or (receiver.una is not None and after(receiver.una - sender.window, s.ack)):
            return
        if sender.fin is None:
            sender.sent = later(sender.sent, s.end)
        receiver.una = later(receiver.una, s.ack)
        sender.limit, sender.window = later(sender.limit, s.ack + (shown or 1)), max(sender.window, shown)
        if not view.synchronized and not after(s.end, s.seq):
            return
        if sender.fin is None:
            if sender.times and receiver.times and "time" in s.options and not after(s.seq, receiver.expects):
                receiver.recent = later(receiver.recent, s.options["time"][0])
            receiver.held.append((s.seq, s.end, bool(s.flags & FIN)))
            Record._take(sender, receiver)

    @staticmethod
    def _take(sender, receiver):
        """What joins on to what it has."""
        moved = True
        while moved and sender.fin is None:
            moved = False
            for seq, end, fin in receiver.held:
                if not after(seq, receiver.expects) and after(end, receiver.expects):
                    receiver.expects, moved = end, True
                    if fin:
                        sender.fin = end
                        break
        receiver.held = [h for h in receiver.held if after(h[0], receiver.expects)]
