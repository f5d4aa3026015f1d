"""Where coretrack and the kernel's endpoint may differ, and why. What is not listed here fails the test.

Each difference is a function of the conversation, the peer's segment of the turn (None: the user's turn) and the states:
`before` and `kernel` are the host's, `tracked` coretrack's of (host, peer). Its first line says what differs, the rest who
is right.
"""

from host import HOST
from segment import ACK, FIN, MASK, RST, SYN

_HANDSHAKEN = {"SYN_SENT", "ESTABLISHED", "FIN_WAIT_1", "FIN_WAIT_2", "CLOSE_WAIT"}
_CLOSING = {"FIN_WAIT_1", "FIN_WAIT_2", "CLOSE_WAIT", "CLOSING", "LAST_ACK"}


def _index(conversation, segment):
    """Behind the segments up to this one and its answers."""
    at = next((i for i, s in enumerate(conversation.log) if s is segment), len(conversation.log))
    return next((i for i in range(at + 1, len(conversation.log)) if conversation.log[i].source != HOST), len(conversation.log))


def _after(a, b):
    return 0 < (a - b) & MASK < 1 << 31


def inexact_reset_while_closing(conversation, segment, before, kernel, tracked):
    """A RST inside the window, but not exact, closes a connection that is closing anyway.

    The kernel challenges it (RFC 5961 3.2). A box that waits for the exact one keeps the dead: an endpoint that has closed
    answers data with RSTs whose number is off by what is under way (TCP.md 6; nf_conntrack does the same)."""
    fin = any(s.source != HOST and s.flags & FIN and not s.flags & SYN for s in conversation.log)  # it may wait behind a hole, and the host know nothing of it
    return (segment and segment.flags & RST and (before in _CLOSING or fin) and before == kernel and tracked[0] == "CLOSED"
            and (segment.seq - segment.host_expects) & MASK <= segment.largest_window * 9 // 8)


def reset_with_other_flags(_, segment, before, kernel, tracked):
    """SYN+RST and FIN+RST are invalid.

    Linux looks at RST alone. No TCP sends them (RFC 9293 3.10.7 has no place for them), so they are forged (TCP.md 25)."""
    return segment and segment.flags & RST and segment.flags & (SYN | FIN) and kernel == "CLOSED" and tracked[0] == before


def syn_with_fin(conversation, *_):
    """SYN+FIN is invalid.

    Linux takes it for a SYN, and the connection goes on from there. TCP.md 25: no TCP sends it."""
    return any(s.flags & (SYN | FIN) == SYN | FIN for s in conversation.log)


def request_is_strict(conversation, segment, before, kernel, tracked):
    """In SYN_RCVD by passive open, what is not at the number that is expected is not taken, whatever it acknowledges.

    RFC 9293 3.10.7.4 refuses it in every state, but RFC 9293 figure 7 wants a SYN+ACK at the ISN taken in a simultaneous
    open; Linux refuses with a request, and takes with a socket, what ends where the window begins. coretrack takes it."""
    return (segment and conversation.passive and before == kernel == "SYN_RCVD" and tracked[0] == "ESTABLISHED"
            and segment.seq != segment.host_expects)


def window_is_rounded(conversation, segment, before, kernel, tracked):
    """A segment just beyond the window is taken.

    The largest window is kept in a byte, at most an eighth too large (dataplane/tcp/sequence.h)."""
    if not segment or kernel != before:
        return False
    beyond = (segment.seq - segment.host_expects) & MASK
    unit = 1 << conversation.peer.host_scale  # what the host's own window may be off by
    return segment.host_window - unit <= beyond <= segment.largest_window * 9 // 8 + 1


def two_fins(conversation, _, before, kernel, tracked):
    """Of FINs at two numbers one is forged, and the box may believe the other one.

    TCP.md 20: what lies beyond the first FIN is invalid; Linux takes the ACK in it all the same."""
    return len({s.end for s in conversation.log if s.source != HOST and s.flags & FIN and not s.flags & SYN}) > 1


def data_in_place_of_fin(conversation, _, before, kernel, tracked):
    """Data at the FIN's number, forged: the box no longer counts on the FIN behind the hole.

    Which of two that contradict each other is forged shows only when one is acknowledged."""
    fins = {s.end for s in conversation.log if s.source != HOST and s.flags & FIN}
    data = [s for s in conversation.log if s.source != HOST and not s.flags & (FIN | SYN) and s.length]
    return any(_after(fin, s.seq) and not _after(fin, s.end) for s in data for fin in fins)


def skipped_ahead(conversation, segment, before, kernel, tracked):
    """A RST at the number that its sender had shown before, behind a hole, closes.

    The host never got there and challenges it. Whoever sends a RST is CLOSED (TCP.md 35), and the box cannot know what
    arrived: data at that number may have reached the host on another way (TCP.md 37)."""
    shown = {s.end for s in conversation.log if s.source != HOST and s is not segment}
    return (segment and segment.flags & RST and kernel == before and tracked[0] == "CLOSED"
            and {segment.seq, segment.seq + 1} & shown and segment.seq != segment.host_expects)


def old_isn_after_close(_, segment, before, kernel, tracked):
    """A SYN that is not above the old connection's numbers opens nothing while its own side is in TIME_WAIT.

    The host's end is CLOSED, and a listener takes any SYN; its sender may not send it (RFC 6191, RFC 9293 3.6.1)."""
    return segment and segment.flags & SYN and tracked[1] == "TIME_WAIT" and kernel == "SYN_RCVD"


def reset_for_a_forgery(conversation, segment, before, kernel, tracked):
    """An endpoint that is gone answers a segment with odd numbers, and its RST repeats them: invalid.

    RFC 9293 3.5.2: the RST's number is the ACK it answers. The box would have to remember every odd ACK to know that; with
    the next honest segment the RST will be exact."""
    if not segment or kernel != "CLOSED" or tracked[0] != before:
        return False
    return segment.flags & (SYN | FIN) == SYN | FIN or not segment.flags & ACK or segment.ack != segment.host_next


def fin_with_any_ack(_, segment, before, kernel, tracked):
    """In FIN_WAIT_2 without a socket, Linux takes a FIN whatever it acknowledges.

    RFC 9293 3.10.7.4, fifth: an ACK of what was not sent is answered and the segment dropped."""
    return segment and segment.flags & FIN and before == tracked[0] == "FIN_WAIT_2" and kernel == "TIME_WAIT"


def ack_of_the_isn(conversation, segment, before, kernel, tracked):
    """In a simultaneous open Linux takes an ACK of its ISN for one of its SYN.

    RFC 9293 3.10.7.4, fifth: SND.UNA < SEG.ACK."""
    return segment and before == tracked[0] == "SYN_RCVD" and kernel == "ESTABLISHED" and segment.ack == conversation.peer.host_isn


def forged_inside_the_window(conversation, segment, before, kernel, tracked):
    """Earlier, a segment near the window, or its ACK, was not of the peer's stream: box and host may have believed different parts.

    The box allows old ACKs 66,000 bytes where RFC 5961 5.2 allows a window, and what is inside the window is believed until the other side contradicts it: the box may have missed packets (TCP.md 37)."""
    return segment.forged if segment else conversation.peer.forged


def beyond_the_fin(conversation, segment, before, kernel, tracked):
    """A segment from beyond its sender's FIN is invalid, with the ACK in it.

    Linux takes the ACK. Nothing can lie there: it is forged (TCP.md 20)."""
    return segment and conversation.peer.fin_sent and before == tracked[0] and _after(segment.end, conversation.peer.next)


def another_isn(conversation, _, before, kernel, tracked):
    """After a SYN with another ISN, the answer to the first one no longer counts.

    TCP.md 10: that direction starts over. A listener keeps the request it has."""
    return (before == "SYN_RCVD" or tracked[1] == "SYN_SENT") and len({s.seq for s in conversation.log if s.source != HOST and s.flags & (SYN | ACK) == SYN}) > 1


def old_reset(_, segment, before, kernel, tracked):
    """A RST is taken whatever its timestamp.

    RFC 7323 5.2: PAWS does not apply to it. Linux checks it for a request."""
    return segment and segment.flags & RST and before == kernel == "SYN_RCVD" and tracked[0] == "CLOSED" and "time" in segment.options


def fin_behind_a_hole_out_of_sight(conversation, segment, before, kernel, tracked):
    """The host got a FIN behind a hole that the box takes for its own: it cannot know which of the two has missed something.

    The peer sent data before its SYN+ACK, which the host refused, or began beyond its ISN, so that it seemed as if the box had missed packets (TCP.md 37).
    RFC 9293 3.10.7.4: the FIN waits, the ACK in it counts. Until the host says what it has taken, its receipt is provisional, and said to be."""
    fins = [s for s in conversation.log if s.source != HOST and s.flags & FIN and not s.flags & SYN and _after(s.seq, conversation.peer.host_expects)]
    return bool(fins) and kernel == "FIN_WAIT_2" and tracked[0] in ("CLOSING", "FIN_WAIT_1")


def said_before_its_syn(conversation, segment, before, kernel, tracked):
    """The peer sent data or a FIN before its SYN or SYN+ACK: the host refused it, the box may take it for received.

    RFC 9293 3.10.7.3: in SYN_SENT there is no taking data. But the box may have missed the first SYN+ACK and see it only when it comes again (TCP.md 27, 28):
    then the host has the data. What it really has shows at its next ACK."""
    for s in conversation.log:
        if s.source != HOST:
            if s.flags & SYN:
                return False
            if s.end != s.seq and before in _HANDSHAKEN:
                return True
    return False


def echo_of_an_ack(conversation, segment, before, kernel, tracked):
    """In a request, newer Linux takes only an ACK whose TSecr is that of a SYN+ACK, not of an ACK that the host sent since.

    RFC 7323 3.2 lets the peer echo the latest that it got: the ACK is right, and Linux opens at the next one."""
    before_it = conversation.log[:next((i for i, s in enumerate(conversation.log) if s is segment), 0)]
    shown = {s.options["time"][0] for s in before_it if s.source == HOST and s.flags & SYN and "time" in s.options}
    return (segment and conversation.passive and before == kernel == "SYN_RCVD" and tracked[0] == "ESTABLISHED" and "time" in segment.options
            and segment.options["time"][1] not in shown)


def fin_not_sent_yet(conversation, segment, before, kernel, tracked):
    """The user has closed, but the FIN waits for a window, or for the end of the handshake: nobody on the way can know."""
    return kernel in ("FIN_WAIT_1", "LAST_ACK") and not any(s.source == HOST and s.flags & FIN for s in conversation.log[:_index(conversation, segment)])


def not_said_yet(conversation, segment, before, kernel, tracked):
    """The host took a FIN and has not answered yet, as it should at once here: on a busy machine it does that now and then. Nobody on the way can know."""
    answer = conversation.log[:_index(conversation, segment)][-1] if segment else None
    return answer is segment and segment is not None and segment.flags & FIN and tracked[0] == before and kernel in ("CLOSE_WAIT", "TIME_WAIT", "CLOSING")


def reset_at_the_edge(conversation, segment, before, kernel, tracked):
    """A RST at the first number beyond the window is taken by Linux in FIN_WAIT_2 without a socket.

    RFC 9293 3.10.7.4, first: SEG.SEQ < RCV.NXT + RCV.WND."""
    unit = 1 << conversation.peer.host_scale
    return (segment and segment.flags & RST and before == tracked[0] == "FIN_WAIT_2" and kernel == "CLOSED"
            and segment.host_window <= (segment.seq - segment.host_expects) & MASK < segment.host_window + unit)


def old_syn_ack(_, segment, before, kernel, tracked):
    """A SYN+ACK in SYN_RCVD whose timestamp is old opens all the same.

    RFC 7323 5.3, R1 sides with Linux, which drops it. It is exact in three numbers, so that only a late copy could be meant, and that one opens rightly."""
    return (segment and segment.flags & (SYN | ACK) == SYN | ACK and before == kernel == "SYN_RCVD" and tracked[0] == "ESTABLISHED"
            and "time" in segment.options)


DIFFERENCES = [inexact_reset_while_closing, reset_with_other_flags, syn_with_fin, request_is_strict, window_is_rounded, two_fins,
               data_in_place_of_fin, skipped_ahead, old_isn_after_close, reset_for_a_forgery, fin_with_any_ack, ack_of_the_isn,
               beyond_the_fin, another_isn, old_reset, old_syn_ack, echo_of_an_ack, reset_at_the_edge, not_said_yet, fin_not_sent_yet, said_before_its_syn, fin_behind_a_hole_out_of_sight, forged_inside_the_window]


def explain(conversation, segments, before, kernel, tracked):
    """The name of the first difference that applies to a turn with these segments, or None."""
    segment = next((s for s in segments if s.source != HOST), None)
    for difference in DIFFERENCES:
        if difference(conversation, segment, before, kernel, tracked):
            return difference.__name__
    return None
