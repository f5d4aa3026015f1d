"""The other end of the connection: it says what it is told to, true or not, and keeps account of what the host says."""

from host import HOST, PEER
from segment import ACK, FIN, MASK, RST, SYN, Segment, build, offer


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

    def send(self, flags, seq=None, ack=None, data=b"", window=20_000, age=0, urgent=0, own=False):
        """`age`: how much older than now the timestamp is. `ack` None: all that the host has sent. `own`: it is of our stream, though out of order."""
        seq = self.next if seq is None else seq & MASK
        ack = self.host_next if ack is None else ack & MASK
        ahead = (seq - self.host_expects) & MASK
        if not flags & RST and self.host_syn and 0 < ahead <= self.host_window * 9 // 8 and seq != self.next and not own:
            self.forged = True
        if not flags & (RST | SYN) and seq == self.isn != self.next and self.host_syn:
            self.forged = True
        if not flags & RST and flags & ACK and self.host_syn and (ack - self.host_isn - 1) & MASK >= (self.host_next - self.host_isn) & MASK:
            self.forged = True
        packet = build(PEER, HOST, self.port, self.host_port, seq, ack, flags, window, self._options_of(flags, age), data, urgent)
        s = Segment(packet)
        # What the host had said until then.
        s.host_expects, s.host_next, s.host_window, s.largest_window = self.host_expects, self.host_next, self.host_window, self.largest_window
        s.forged = self.forged
        self.log.append(s)
        self.host.write(packet)
        self.listen()

    def _options_of(self, flags, age):
        options = dict(self.options) if flags & SYN else {}
        options.pop("time", None)
        if self.times or (flags & SYN and not flags & ACK and "time" in self.options):
            self.clock += 10
            options["time"] = (self.clock - age, self.echo)
        return offer(options)

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
