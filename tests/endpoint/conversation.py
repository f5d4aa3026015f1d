"""A random conversation: the host's user and the peer take turns, and after each turn the kernel is asked for its state.

Most turns are what a decent peer would do; the others are what RFC 9293 3.10.7 has an answer for: segments that are
old, early, forged, or do not belong to the state.
"""

import socket
import struct

from host import SERVER_PORT
from peer import Peer
from segment import ACK, FIN, MASK, PSH, RST, SYN, URG


class Conversation:
    def __init__(self, host, peer_port, random):
        self.host, self.random = host, random
        self.turns = []  # (what was done, segments so far, the kernel's state)
        self.user = None  # the host's socket, once there is one
        self.ended = False  # the user has let go of it
        self.passive = random.random() < 0.6
        options = {}
        if random.random() < 0.9:
            options["mss"] = random.choice([536, 1400, 1460])
        if random.random() < 0.5:
            options["scale"] = random.choice([0, 2, 7, 14])
        if random.random() < 0.5:
            options["sack"] = True
        if random.random() < 0.5:
            options["time"] = True
        isn = random.choice([random.getrandbits(32), MASK - random.randrange(200)])
        if self.passive:
            self.peer = Peer(host, peer_port, SERVER_PORT, isn, options)
        else:
            self.user = host.connect(peer_port)
            self.peer = Peer(host, peer_port, self.user.getsockname()[1], isn, options)
        self.peer.listen()
        self._note("connect" if not self.passive else "listen")

    def run(self, turns):
        if self.random.random() < 0.85:
            self._open()
        for _ in range(turns):
            name = self.random.choice(_USUAL if self.random.random() < 0.6 else _ODD)
            if getattr(self, name)() is False:
                continue
            self._note(name)
        return self

    def close(self):
        if self.user is not None:
            self._linger()
            self.user.close()
        self.peer.listen()

    @property
    def log(self):
        return self.peer.log

    def _note(self, what):
        if self.passive and self.user is None and not self.ended:
            self.user = self.host.accept()
        self.peer.listen()
        self.turns.append((what, len(self.peer.log), self.host.state(self.peer.host_port, self.peer.port)))

    def _open(self):
        if self.passive:
            self.syn()
            self._note("syn")
            self.acknowledge()
            self._note("acknowledge")
        else:
            self.syn_ack()
            self._note("syn_ack")

    # What the user of the host does. False: it cannot be done now.

    def user_sends(self):
        if self.user is None or self.ended:
            return False
        try:
            self.user.send(b"h" * self.random.choice([1, 10, 100, 1000]))
        except OSError:
            return False
        return True

    def user_reads(self):
        if self.user is None or self.ended:
            return False
        try:
            self.user.recv(65536)
        except OSError:
            return False
        return True

    def user_shuts_down(self):
        if self.user is None or self.ended:
            return False
        try:
            self.user.shutdown(socket.SHUT_WR)
        except OSError:
            return False
        return True

    def user_closes(self):
        if self.user is None or self.ended:
            return False
        self.user_reads()  # data that nobody read would make it a reset
        self.user.close()
        self.user, self.ended = None, True
        return True

    def user_aborts(self):
        if self.user is None or self.ended or self.random.random() < 0.7:
            return False
        self._linger()
        self.user.close()
        self.user, self.ended = None, True
        return True

    def _linger(self):
        self.user.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    # What a decent peer does.

    def syn(self):
        p = self.peer
        p.send(SYN, seq=p.isn)
        if p.next == p.isn:
            p.next = (p.isn + 1) & MASK

    def syn_ack(self):
        p = self.peer
        if not p.host_syn:
            return False
        p.send(SYN | ACK, seq=p.isn)
        if p.next == p.isn:
            p.next = (p.isn + 1) & MASK
        return True

    def acknowledge(self):
        self.peer.send(ACK)

    def data(self):
        p = self.peer
        if p.fin_sent:
            return False
        data = b"p" * self.random.choice([1, 10, 500])
        p.send(ACK | PSH, data=data)
        p.next = (p.next + len(data)) & MASK
        return True

    def fin(self):
        p = self.peer
        data = b"" if self.random.random() < 0.7 or p.fin_sent else b"f" * 20
        seq = (p.next - 1) & MASK if p.fin_sent else p.next
        p.send(FIN | ACK, seq=seq, data=data)
        if not p.fin_sent:
            p.next = (p.next + len(data) + 1) & MASK
        p.fin_sent = True

    def crossing_fin(self):
        """Sent before the host's FIN had come."""
        p = self.peer
        if not p.host_fin or p.fin_sent:
            return False
        p.send(FIN | ACK, ack=p.host_next - 1)
        p.next = (p.next + 1) & MASK
        p.fin_sent = True
        return True

    # What RFC 9293 has an answer for all the same.

    def _somewhere(self):
        """A sequence number: what the host expects, in its window, at and beyond both of its edges, or anywhere."""
        p, pick = self.peer, self.random.randrange
        window = max(p.host_window, 1)
        return (p.host_expects + self.random.choice(
            [0, 0, 1, -1, pick(window), window - 1, window, window + 1, -pick(1, 3000), -(1 << 20), 1 << 30, pick(1 << 32)])) & MASK

    def _some_ack(self):
        p, pick = self.peer, self.random.randrange
        return (p.host_next + self.random.choice([0, 0, 0, -1, 1, -pick(1, 2000), pick(1, 2000), 1 << 30, pick(1 << 32)])) & MASK

    def _some_age(self):
        return self.random.choice([0, 0, 0, 5, 100_000])

    def odd_reset(self):
        self.peer.send(RST | self.random.choice([0, ACK]), seq=self._somewhere(), ack=self._some_ack(), age=self._some_age())

    def exact_reset(self):
        if self.random.random() < 0.5:
            return False
        self.peer.send(RST | self.random.choice([0, ACK]), seq=self.peer.host_expects)
        return True

    def odd_syn(self):
        self.peer.send(SYN, seq=self._somewhere(), age=self._some_age())

    def same_syn(self):
        self.peer.send(SYN, seq=self.peer.isn)

    def odd_syn_ack(self):
        seq = self.random.choice([self.peer.isn, self._somewhere()])
        self.peer.send(SYN | ACK, seq=seq, ack=self._some_ack(), age=self._some_age())

    def odd_ack(self):
        self.peer.send(ACK, seq=self._somewhere(), ack=self._some_ack(), age=self._some_age())

    def odd_data(self):
        self.peer.send(ACK, seq=self._somewhere(), ack=self._some_ack(), data=b"o" * self.random.choice([1, 100]),
                       age=self._some_age())

    def odd_fin(self):
        data = b"o" * self.random.choice([0, 0, 10])
        self.peer.send(FIN | self.random.choice([ACK, ACK, 0]), seq=self._somewhere(), ack=self._some_ack(), data=data,
                       age=self._some_age())

    def early_fin(self):
        """Overtakes the data before it."""
        p = self.peer
        if p.fin_sent or p.next == p.isn:
            return False
        data = b"e" * self.random.choice([1, 10, 200])
        p.send(FIN | ACK, seq=p.next + len(data), own=True)
        p.next = (p.next + len(data) + 1) & MASK
        p.fin_sent = True
        p.hole = data
        return True

    def fill(self):
        """The data that was overtaken."""
        p = self.peer
        if not p.hole:
            return False
        p.send(ACK, seq=p.next - 1 - len(p.hole), data=p.hole, own=True)
        p.hole = b""
        return True

    def old_data(self):
        self.peer.send(ACK, seq=self.peer.next - 10, data=b"o" * 10)

    def keep_alive(self):
        self.peer.send(ACK, seq=self.peer.next - 1)

    def half_ack(self):
        """Acknowledges a part of what the host has sent."""
        p = self.peer
        if p.host_isn is None:
            return False
        sent = (p.host_next - p.host_isn) & MASK
        p.send(ACK, ack=p.host_isn + self.random.randrange(1, sent + 1))
        return True

    def zero_window(self):
        self.peer.send(ACK, window=0)

    def odd_flags(self):
        flags = self.random.choice([0, FIN, PSH, URG, SYN | FIN, SYN | RST, SYN | FIN | ACK, FIN | PSH | URG, FIN | RST, ACK | URG])
        self.peer.send(flags, seq=self.random.choice([self.peer.next, self._somewhere()]))


_USUAL = ["user_sends", "user_reads", "user_shuts_down", "user_closes", "syn_ack", "acknowledge", "acknowledge", "data", "fin", "fill", "crossing_fin"]
_ODD = ["user_aborts", "odd_reset", "odd_reset", "exact_reset", "odd_syn", "same_syn", "odd_syn_ack", "odd_ack", "odd_data", "odd_fin",
        "early_fin", "old_data", "keep_alive", "half_ack", "zero_window", "odd_flags", "syn"]
