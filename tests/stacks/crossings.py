"""SYNs and FINs that really cross: the first of either side waits before the box until the other side's has come.

So both are in the box before either host has got one, whatever the threads that send them do. The sockets say that
theirs are to cross, by the traffic class CROSSING; of such a connection no SYN or FIN is under the weather, on either side of the box.
"""

import time

from stale import FIN, SYN, Segment

CROSSING = 3 << 2  # DSCP 3, free for local use (RFC 2474, 6)
_WAIT_SECONDS = 2  # then a retransmission passes alone


def must_cross(frame):
    """The SYN or FIN in the frame if its socket wants it to cross, else None."""
    ipv6 = frame[12:14] == b"\x86\xdd"
    if not ipv6 and frame[12:14] != b"\x08\x00":
        return None
    traffic_class = (frame[14] & 15) << 4 | frame[15] >> 4 if ipv6 else frame[15]
    if traffic_class & ~3 != CROSSING:  # the last two bits are ECN's
        return None
    segment = Segment(frame)
    return segment if segment.flags & (SYN | FIN) else None


class Crossings:
    def __init__(self):
        self._came = {}  # (ends, SYN or FIN): since when, {sender: its frame}

    def released(self, segment, frame, to):
        """[(frame, to)] that may enter the box now that this one has come: none, both, or what comes after they crossed."""
        key = frozenset((segment.sender, segment.receiver)), segment.flags & (SYN | FIN)
        since, came = self._came.setdefault(key, (time.monotonic(), {}))
        if len(came) == 2 or time.monotonic() - since > _WAIT_SECONDS:
            return [(frame, to)]
        came[segment.sender] = frame, to
        return list(came.values()) if len(came) == 2 else []
