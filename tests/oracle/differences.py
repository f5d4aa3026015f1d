"""Where coretrack and nf_conntrack may differ, why, and which text sides with us. What is not listed fails the test.

A difference is a function of a Point: one segment, with what both said of it and of the one before.
"""

from segment import ACK, FIN, MASK, RST, SYN

# Our pair of states in the kernel's one word: the first that either end is in.
_BY_EITHER = [("TIME_WAIT", ("TIME_WAIT",)), ("LAST_ACK", ("LAST_ACK", "CLOSING")), ("CLOSE_WAIT", ("CLOSE_WAIT",)),
              ("FIN_WAIT", ("FIN_WAIT_1", "FIN_WAIT_2")), ("SYN_RECV", ("SYN_RCVD",)), ("SYN_SENT", ("SYN_SENT",)),
              ("ESTABLISHED", ("ESTABLISHED",))]
_SYNCHRONIZED = ("ESTABLISHED", "FIN_WAIT", "CLOSE_WAIT", "LAST_ACK", "TIME_WAIT")


def kernels_word(pair):
    if pair is None:
        return None
    for word, states in _BY_EITHER:
        if pair[0] in states or pair[1] in states:
            return word
    return "CLOSE"


class Point:
    def __init__(self, talk, index, segment, kernel, ours, reason, before):
        self.talk, self.index, self.segment, self.before = talk, index, segment, before
        self.kernel_invalid = kernel[0]
        self.kernel_state = {"SYN_SENT2": "SYN_SENT"}.get(kernel[1], kernel[1])
        self.pair, self.reason = ours, reason
        self.our_state = kernels_word(ours)

    def agrees(self):
        return self.kernel_invalid == bool(self.reason) and self.kernel_state == self.our_state

    @property
    def same_states(self):
        return self.kernel_state == self.our_state

    @property
    def we_stay(self):
        return self.pair == self.before.pair

    @property
    def kernel_stays(self):
        return self.kernel_state == self.before.kernel_state

    def is_(self, *flags):
        """Is the segment of exactly this kind, of SYN, FIN and RST?"""
        return self.segment.flags & (SYN | FIN | RST) in flags

    def earlier(self, by_sender=None):
        """The segments before this one; of its sender, or of the other side."""
        return [s for s in self.talk.log[:self.index] if by_sender is None or (s.source == self.segment.source) == by_sender]

    def kind(self):
        before = (self.before.kernel_state, self.before.our_state)
        return (self.talk.turns[self.index], before, "INVALID" if self.kernel_invalid else "", self.kernel_state, self.reason or "", self.pair)

    def __str__(self):
        return f"{self.kind()}"


def syn_on_a_connection(p):
    """A SYN on a synchronized connection, or a SYN+ACK again, is not invalid: it moves nothing.

    RFC 5961 4: it is answered with a challenge ACK, which a host that has rebooted must get. The kernel calls it invalid."""
    return p.kernel_invalid and not p.reason and p.is_(SYN) and p.same_states and p.we_stay and p.our_state in _SYNCHRONIZED


def inexact_reset(p):
    """A RST inside the window, but not exact, is invalid.

    RFC 5961 3.2. The kernel does not let it close either, but does not say so."""
    return p.is_(RST) and p.reason == "rst_sequence" and not p.kernel_invalid and p.same_states and p.we_stay


def inexact_reset_closes(p):
    """A RST that is not exact, or does not acknowledge the SYN it answers, closes nothing.

    RFC 5961 3.2, RFC 9293 3.10.7.3, second. The kernel takes it after a FIN, after a SYN on the connection, and for an entry that
    is not assured."""
    return p.is_(RST) and p.reason in ("rst_sequence", "syn_ack_ack") and not p.kernel_invalid and p.kernel_state in ("CLOSE", None) and p.we_stay


def reset_whatever_it_acknowledges(p):
    """An exact RST closes, whatever its ACK says.

    RFC 9293 3.10.7.4: the RST bit is checked second, the ACK fifth. The kernel checks the ACK's window first."""
    return p.is_(RST) and p.kernel_invalid and not p.reason and p.our_state == "CLOSE"


def after_the_reset(p):
    """What comes after a RST is not invalid: it was under way (TCP.md 38), and a SYN opens anew (TCP.md 34).

    RFC 9293 3.10.7.1: an end that is CLOSED answers with a RST, no more. The kernel waits until its entry is gone."""
    return p.before.kernel_state == "CLOSE" and p.kernel_invalid and not p.reason


def before_the_answer(p):
    """While a SYN is unanswered: challenge ACKs pass (TCP.md 2, 38), and where only one direction is seen the rest of the opening is believed (TCP.md 27).

    RFC 9293 3.10.7.3, first: an ACK that does not fit is answered with a RST and changes nothing. The kernel calls it invalid."""
    return p.before.kernel_state in ("SYN_SENT", "SYN_RECV") and p.kernel_invalid and not p.reason and not p.is_(SYN | FIN)


def wrong_answer_to_a_syn(p):
    """A SYN+ACK that does not acknowledge the SYN is invalid (TCP.md 1), and so is an ACK that does not fit the opening.

    RFC 9293 3.10.7.3, first. The kernel ignores it."""
    return p.reason and not p.kernel_invalid and p.before.our_state in ("SYN_SENT", "SYN_RECV") and p.we_stay and p.kernel_stays


def syn_in_time_wait(p):
    """A SYN in TIME_WAIT opens nothing until it is answered (TCP.md 38), and nothing at all if it is old.

    RFC 9293 3.6.1, RFC 6191. The kernel forgets the old connection at once."""
    return p.is_(SYN) and p.before.our_state == "TIME_WAIT" and p.we_stay


def beyond_the_fin(p):
    """Nothing lies beyond a FIN: invalid (TCP.md 20).

    RFC 9293 3.10.7.4: the sequence space ends there. The kernel does not remember where the FIN was."""
    return p.reason == "after_fin" and p.we_stay


def fin_that_acknowledges(p):
    """A FIN, again or not, that acknowledges the other FIN ends the connection (TCP.md 39).

    RFC 9293 3.10.7.4, fifth. The kernel stays in LAST_ACK until an ACK without FIN."""
    return p.is_(FIN) and p.before.kernel_state == p.kernel_state == "LAST_ACK" and p.our_state == "TIME_WAIT"


def old_segment(p):
    """Older than any window the receiver offered, or acknowledging what was long acknowledged: invalid.

    RFC 9293 3.10.7.4, first, and RFC 5961 5.2: the receiver drops it. The kernel lets it pass as valid."""
    return p.reason in ("sequence_low", "ack_low") and not p.kernel_invalid and p.we_stay


def beyond_the_window(p):
    """Beyond the window: invalid, remembered for ACKs that may come (TCP.md 22).

    RFC 9293 3.10.7.4, first. The kernel tolerates an overrun."""
    return p.reason in ("overrun", "sequence_high") and not p.kernel_invalid and p.we_stay


def ack_of_unseen_data(p):
    """An ACK of data that was not seen passes: the box may have missed it (TCP.md 37).

    RFC 9293 says nothing of boxes; the kernel calls it invalid."""
    return p.kernel_invalid and not p.reason and p.segment.flags & ACK and p.is_(0, FIN) and any(
        (p.segment.ack - s.end) & MASK < 1 << 31 and p.segment.ack != s.end for s in p.earlier(False)[-1:])


def picked_up_at_anything(p):
    """A connection is picked up at any segment but a RST (TCP.md 27, 28).

    The kernel picks up at an ACK without FIN, and never at a SYN+ACK."""
    return p.before.kernel_state is None and p.before.pair is None and p.kernel_state is None and p.pair is not None


def stray_reset(p):
    """A RST of an unknown connection is no fault (TCP.md 38).

    It answers something that went around the box. The kernel calls it invalid."""
    return p.is_(RST) and p.kernel_invalid and not p.reason and p.pair is None


def any_ack_after_fin(p):
    """The kernel takes any ACK for that of the FIN: FIN_WAIT to CLOSE_WAIT, LAST_ACK to TIME_WAIT.

    RFC 9293 3.10.7.4, fifth: only one that acknowledges the FIN."""
    fins = [s for s in p.earlier() if s.flags & FIN and not s.flags & (SYN | RST)]
    acknowledges = bool(fins) and fins[-1].source != p.segment.source and fins[-1].end == p.segment.ack
    moves = {("FIN_WAIT", "CLOSE_WAIT"), ("LAST_ACK", "TIME_WAIT")}
    return p.segment.flags & ACK and p.is_(0) and (p.before.kernel_state, p.kernel_state) in moves and not acknowledges


def any_fin_counts(p):
    """The kernel takes any FIN for a new one: behind a hole, or again by the same side, or crossing.

    RFC 9293 3.10.7.4, eighth: a FIN counts in sequence, and once; 3.6, figure 13: FINs that cross lead to CLOSING."""
    return p.is_(FIN) and not p.kernel_invalid and not p.kernel_stays and p.kernel_state in ("FIN_WAIT", "LAST_ACK")


def exact_reset(p):
    """A RST at the very number that is expected closes, also at a window of zero.

    RFC 9293 3.10.7.4, second, RFC 5961 3.2. The kernel wants it inside the window."""
    return p.is_(RST) and not p.kernel_invalid and not p.reason and p.our_state == "CLOSE" and p.kernel_state == p.before.kernel_state


def duplicate_in_time_wait(p):
    """Old data in TIME_WAIT is recognised as such.

    RFC 9293 3.6.1: the second reason for the state. The kernel has no word for it."""
    return p.reason == "time_wait_duplicate" and not p.kernel_invalid and p.same_states


def ack_in_an_old_segment(p):
    """The ACK in a segment that lies below what is expected opens and closes nothing.

    RFC 9293 3.10.7.4, first: the segment is dropped with it."""
    seen = [s for s in p.earlier(False) if s.flags & ACK]
    return p.is_(0) and not p.reason and p.kernel_state != p.our_state and any(0 < (s.ack - p.segment.end) & MASK < 1 << 31 for s in seen)


def resets_are_taken_in_time_wait(p):
    """A RST does not end TIME_WAIT.

    RFC 1337. The kernel lets it."""
    return p.is_(RST) and p.before.our_state == "TIME_WAIT" and p.kernel_state == "CLOSE" and p.our_state == "TIME_WAIT"


def a_forgery_was_taken(p):
    """Earlier, a segment that neither end sent was plausible to one of the two: from then on they follow different numbers.

    Which one it fools depends on the rule that lets it in, each of which is in this list; what it does later has no rule."""
    return any(turn.startswith("odd_") for turn in p.talk.turns[:p.index + 1])


DIFFERENCES = [syn_on_a_connection, inexact_reset, inexact_reset_closes, reset_whatever_it_acknowledges, after_the_reset,
               before_the_answer, wrong_answer_to_a_syn, syn_in_time_wait, beyond_the_fin, fin_that_acknowledges, old_segment,
               beyond_the_window, ack_of_unseen_data, picked_up_at_anything, stray_reset, any_ack_after_fin, any_fin_counts,
               exact_reset, duplicate_in_time_wait, ack_in_an_old_segment, resets_are_taken_in_time_wait, a_forgery_was_taken]
