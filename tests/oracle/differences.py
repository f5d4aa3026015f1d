"""Where coretrack and nf_conntrack may differ, why, and which text sides with us. What is not listed fails the test.

A difference is a function of a Point: one segment, what both said of it and of the one before, and a View of the record
(record.py) of the talk. What we said is what is to be explained, never the explanation: each looks at the segment's numbers.
"""

from record import after
from segment import ACK, FIN, MASK, RST, SYN

# Our pair of states in the kernel's one word: the first that either end is in.
_BY_EITHER = [("TIME_WAIT", ("TIME_WAIT",)), ("LAST_ACK", ("LAST_ACK", "CLOSING")), ("CLOSE_WAIT", ("CLOSE_WAIT",)),
              ("FIN_WAIT", ("FIN_WAIT_1", "FIN_WAIT_2")), ("SYN_RECV", ("SYN_RCVD",)), ("SYN_SENT", ("SYN_SENT",)),
              ("ESTABLISHED", ("ESTABLISHED",))]
_SYNCHRONIZED = ("ESTABLISHED", "FIN_WAIT", "CLOSE_WAIT", "LAST_ACK", "TIME_WAIT")
_OPENING = ("SYN_SENT", "SYN_RECV")
_CLOSING = ("FIN_WAIT", "CLOSE_WAIT", "LAST_ACK", "TIME_WAIT")
_MIN_ACK_WINDOW = 66_000  # dataplane/tcp/validate.h


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
        self.view = talk.views[index] if index >= 0 else None
        self.kernel_invalid = kernel[0]
        self.kernel_state = {"SYN_SENT2": "SYN_SENT"}.get(kernel[1], kernel[1])
        self.pair, self.reason = ours, reason
        self.our_state = kernels_word(ours)

    @property
    def words(self):
        return self.kernel_state, self.our_state

    def same_verdict(self):
        return self.kernel_invalid == bool(self.reason)

    @property
    def same_states(self):
        """Equal, or apart as they were before."""
        gone = self.kernel_state is None and self.our_state == "CLOSE"  # the kernel drops the entry
        return self.kernel_state == self.our_state or self.words == self.before.words or gone

    def agrees(self):
        return self.same_verdict() and self.same_states

    @property
    def we_stay(self):
        return self.pair == self.before.pair

    @property
    def kernel_stays(self):
        return self.kernel_state == self.before.kernel_state

    @property
    def only_we_object(self):
        """Invalid by us alone, and we stay where we were."""
        return self.reason and not self.kernel_invalid and self.we_stay

    @property
    def only_kernel_objects(self):
        return self.kernel_invalid and not self.reason

    def is_(self, *flags):
        """Is the segment of exactly this kind, of SYN, FIN and RST?"""
        return self.segment.flags & (SYN | FIN | RST) in flags

    def kind(self):
        return (self.talk.turns[self.index], self.before.words, "INVALID" if self.kernel_invalid else "", self.kernel_state, self.reason or "", self.pair)

    def __str__(self):
        return f"{self.kind()}"


def of_use(p):
    """No difference: what its receiver takes, or has and repeats its ACK for, is never invalid. It comes before all others.

    But where a forgery showed more of an end than it has sent (TCP.md 22), what is honest may look old."""
    if not p.reason or p.kernel_invalid or contradicted(p) or any(p.view.misled):
        return False
    return p.view.takes(p.segment) or p.view.repeats(p.segment)


def contradicted(p):
    """Bytes were sent twice with other meanings: a FIN at a number where data lie, or FINs at two numbers. Whom to believe is open."""
    sender, receiver = p.view.sender, p.view.receiver
    if p.is_(FIN) and (not after(p.segment.end, sender.shown) and p.segment.end not in sender.fins or sender.fins - {p.segment.end}):
        return True
    return any(end.twisted or len(end.fins) > 1 or len(end.isns) > 1 or (end.fins and end.sent not in end.fins) for end in (sender, receiver))


# Verdicts.

def syn_on_a_connection(p):
    """A SYN on a synchronized connection, or a SYN+ACK again, is not invalid: it moves nothing.

    RFC 5961 4: it is answered with a challenge ACK, which a host that has rebooted must get. The kernel calls it invalid."""
    return p.only_kernel_objects and p.is_(SYN) and p.we_stay and p.before.our_state in _SYNCHRONIZED


def inexact_reset(p):
    """A RST that is not exact is invalid, inside the window or not; one that answers a SYN must acknowledge it.

    RFC 5961 3.2, RFC 9293 3.10.7.3, second. The receiver may have acknowledged more since, in a segment that it sent again. The kernel does not let it close either, but says so only outside of the window; and lets it
    close after a FIN, after a SYN on the connection, an entry that is not assured, and right behind a segment, also if that lies behind a hole."""
    r = p.view.receiver
    if not p.is_(RST) or not p.only_we_object or p.kernel_state not in (p.before.kernel_state, "CLOSE", None):
        return False
    if r.expects is None:  # it is in SYN_SENT, or was never heard
        return r.isn is None or not p.segment.flags & ACK or p.segment.ack != (r.isn + 1) & MASK
    sender = p.view.sender
    hidden = p.view.misled[0] and p.segment.seq != sender.una  # by what lay beyond, and was remembered (TCP.md 22)
    acked_since = any(e.source != p.segment.source and e.flags & ACK and e.ack == r.expects and after(e.ack, p.segment.seq) for e in p.talk.log[:p.index])
    return hidden or acked_since or not p.view.exact(p.segment) or (p.view.hole and p.segment.seq not in (r.expects, sender.una))


def held_to_its_first_numbers(p):
    """A connection that was picked up in its middle: what is far from its first numbers is invalid.

    RFC 9293 3.10.7.4, first, by the numbers at hand. The kernel lets everything pass until both ends have spoken."""
    return p.only_we_object and p.view.sender.isn is None and p.view.receiver.isn is None


def old_segment(p):
    """Older than any window that the receiver has offered, or acknowledging what was acknowledged that long ago: invalid.

    RFC 9293 3.10.7.4, first, and RFC 5961 5.2: the receiver drops it. The kernel lets it pass as valid."""
    s, sender, receiver = p.segment, p.view.sender, p.view.receiver
    if p.is_(RST, SYN) or not p.only_we_object or receiver.expects is None or sender.sent is None or receiver.sent is None:
        return False
    old = after(receiver.expects, s.end) and after(sender.sent - max(receiver.window, 1), s.end)
    old_ack = receiver.una is not None and after(receiver.sent - max(_MIN_ACK_WINDOW, sender.window), s.ack)
    return old or old_ack


def beyond_the_window(p):
    """Beyond any window that was offered: invalid, remembered for ACKs that may come (TCP.md 22).

    RFC 9293 3.10.7.4, first. The kernel tolerates a segment whose beginning is a byte beyond, and in a
    connection that is new or was picked up."""
    return p.is_(0, FIN) and p.only_we_object and p.view.receiver.limit is not None and not after(p.view.receiver.limit, p.segment.seq)


def beyond_the_fin(p):
    """Nothing lies beyond a FIN: invalid (TCP.md 20).

    RFC 9293 3.10.7.4, seventh: the sequence space ends there. The kernel does not remember where the FIN was."""
    fins = p.view.sender.fins
    return p.is_(0, FIN) and p.only_we_object and any(after(p.segment.end, fin) for fin in fins)


def ack_beyond_the_fin(p):
    """An ACK of what lies beyond its receiver's FIN was never sent: invalid.

    RFC 9293 3.10.7.4, fifth: SEG.ACK > SND.NXT. The kernel does not remember where the FIN was."""
    return p.is_(0, FIN) and p.only_we_object and any(after(p.segment.ack, fin) for fin in p.view.receiver.fins)


def old_timestamp(p):
    """A timestamp older than that of what the receiver has taken: invalid (TCP.md 23); one tick is tolerated.

    RFC 7323 5.3, R1. The kernel does not look."""
    return p.is_(0, FIN) and p.only_we_object and p.view.too_old(p.segment, 1)


def duplicate_in_time_wait(p):
    """Old data in TIME_WAIT is recognised as such.

    RFC 9293 3.6.1: the second reason for the state. The kernel has no word for it."""
    return (p.is_(0) and p.only_we_object and p.segment.length and p.before.our_state == "TIME_WAIT" and p.view.sender.fin is not None
            and p.view.receiver.fin is not None)


def wrong_answer_to_a_syn(p):
    """A SYN+ACK that does not acknowledge the SYN is invalid (TCP.md 1), and so is an ACK that does not fit the opening.

    RFC 9293 3.10.7.3, first, and 3.10.7.4, fifth. The kernel ignores it, or takes one that is off by one."""
    s, r = p.segment, p.view.receiver
    if not p.reason or p.kernel_invalid or not p.we_stay or p.before.our_state not in _OPENING or not s.flags & ACK:
        return False
    return r.isn is None or len(r.isns) > 1 or p.view.sender.una is None or s.ack != (r.isn + 1) & MASK or (r.expects is not None and not p.view.in_window(s))


def impossible_flags(p):
    """SYN+FIN, SYN+RST, FIN+RST, FIN without ACK, none: invalid (TCP.md 25).

    RFC 9293 3.10.7 has no answer for them. The kernel lets some pass."""
    return p.only_we_object and (not p.segment.flags & (SYN | RST | ACK) or p.is_(SYN | FIN, SYN | RST, FIN | RST, SYN | FIN | RST))


def ack_of_unseen_data(p):
    """An ACK of data that was not seen passes: the box may have missed it (TCP.md 37). It moves nothing but its sender, by a FIN.

    The RFCs say nothing of boxes. The kernel calls it invalid, and the receiver, if nothing was missed, drops it: passing is preferable
    because the other way a single packet that went around the box stops the connection for good."""
    r = p.view.receiver
    return p.only_kernel_objects and p.is_(0, FIN) and p.segment.flags & ACK and (r.sent is None or after(p.segment.ack, r.sent))


def fin_with_ack_of_unseen_data(p):
    """A FIN at the next number moves its sender, whatever data it acknowledges: as above.

    RFC 9293 3.10.7.4: its number is what a receiver looks at first. The kernel calls it invalid."""
    r = p.view.receiver
    return p.is_(FIN) and p.view.exact(p.segment) and p.our_state in ("FIN_WAIT", "LAST_ACK") and (r.sent is None or after(p.segment.ack, r.sent))


def fin_behind_its_ack(p):
    """A FIN that the other end has acknowledged before it was seen is acknowledged (TCP.md 14, 37).

    RFC 9293 3.9.1: segments may come in any order. The kernel has forgotten the ACK."""
    earlier = p.talk.log[:p.index]
    return p.is_(FIN) and p.segment.end not in p.view.sender.fins and p.view.exact(p.segment) and any(s.sport == p.segment.dport and s.ack == p.segment.end for s in earlier)


def before_the_answer(p):
    """While a SYN is unanswered: challenge ACKs pass (TCP.md 2, 38), and where only one direction is seen the rest of the opening is believed (TCP.md 27).

    RFC 9293 3.10.7.3, first: an ACK that does not fit is answered with a RST and changes nothing. The kernel calls it invalid."""
    return not p.reason and (not p.view.synchronized or p.before.our_state in _OPENING) and p.before.kernel_state in _OPENING and p.is_(0, FIN, SYN, RST)


def reset_whatever_it_acknowledges(p):
    """An exact RST closes, whatever its ACK says.

    RFC 9293 3.10.7.4: the RST bit is checked second, the ACK fifth. The kernel checks the ACK's window first."""
    return p.is_(RST) and p.only_kernel_objects and p.our_state == "CLOSE" and (p.view.exact(p.segment) or _closing_in_window(p))


def _closing_in_window(p):
    """TCP.md 6."""
    return p.before.our_state in _CLOSING and p.view.in_window(p.segment)


def after_the_reset(p):
    """What comes after a RST is not invalid: it was under way (TCP.md 38), and a SYN opens anew (TCP.md 34).

    RFC 9293 3.10.7.1: an end that is CLOSED answers with a RST, no more. The kernel waits until its entry is gone."""
    return p.before.kernel_state == "CLOSE" and not p.reason


def fin_again(p):
    """The FIN that the receiver has taken, again: it is answered with an ACK.

    RFC 9293 3.10.7.4, first, and 3.10.7.8. The kernel, which takes it for the last ACK's answer after a SYN on the connection, calls it invalid."""
    return p.only_kernel_objects and p.is_(FIN) and p.segment.end == p.view.sender.fin and p.view.acceptable_ack(p.segment)


def ack_of_uncounted_data(p):
    """After a SYN or a RST on the connection the kernel does not count data that it takes for part of a challenge, or for old; their ACK is invalid to it.

    RFC 5961 3.2 and 4, RFC 9293 3.10.7.4, fifth: neither moves anything. The kernel takes the next ACK after a SYN for the challenge ACK, data in it or
    not, and counts the number of a RST: until the other end's ACKs come near that, they are ignored, with the data in them."""
    return (p.only_kernel_objects and p.is_(0, FIN) and any(s.flags & (SYN | RST) for s in p.talk.log[3:p.index])
            and (p.view.takes(p.segment) or p.view.repeats(p.segment)))


def of_a_new_incarnation(p):
    """What goes on from a SYN that was sent on the connection, or answers it, is tried on the one that it would open, also where its SYN+ACK was missed (TCP.md 37, 38).

    RFC 9293 3.10.7.4, fourth, RFC 5961 4: whoever has lost the connection sends it. The kernel knows one connection on two ports. What is of use
    to the connection itself is its own, and nothing of this moves us but into an opening."""
    s, sender, receiver = p.segment, p.view.sender, p.view.receiver
    if p.reason or p.before.kernel_state not in _SYNCHRONIZED or not p.is_(0, FIN, SYN, RST) or p.view.takes(s) or p.view.repeats(s):
        return False
    if not p.we_stay and (p.is_(RST) or p.our_state not in _OPENING):
        return False
    syns = [e for e in p.talk.log[:p.index] if e.flags & (SYN | ACK | RST | FIN) == SYN]
    goes_on = any(e.source == s.source and e.seq not in sender.isns and (s.seq - e.seq) & MASK <= 1 for e in syns)
    fresh = [e for e in syns if e.source != s.source and (sender.isn is None or e.seq not in receiver.isns)]
    return bool(s.flags & ACK) and (goes_on or any(s.ack == e.end for e in fresh))


def stray_reset(p):
    """A RST of an unknown connection is no fault (TCP.md 38).

    It answers something that went around the box. The RFCs are silent; the kernel calls it invalid."""
    return p.is_(RST) and p.only_kernel_objects and p.before.pair is None and p.pair is None


# States.

def picked_up_at_anything(p):
    """A connection is picked up at any segment but a RST (TCP.md 27, 28).

    The RFCs are silent. The kernel picks up at an ACK without FIN, and never at a SYN+ACK: a connection whose first packet in sight is
    its SYN+ACK or FIN is lost to it."""
    return p.before.kernel_state is None and p.before.pair is None and p.kernel_state is None and p.pair is not None and not p.reason and not p.is_(RST)


def syn_in_time_wait(p):
    """A SYN in TIME_WAIT opens nothing until it is answered (TCP.md 38), and nothing at all if it is old.

    RFC 9293 3.6.1, RFC 6191. The kernel forgets the old connection at once, at any SYN; a SYN+ACK that answers none it ignores."""
    if not p.is_(SYN) or "TIME_WAIT" not in p.before.words or not p.we_stay:
        return False
    s, r = p.segment, p.view.receiver
    newer = r.times and p.view.sender.times and "time" in s.options and after(s.options["time"][0], r.recent)
    return not p.reason or s.flags & ACK or not (newer or after(s.seq, p.view.sender.sent))


def fin_that_acknowledges(p):
    """A FIN, again or not, that acknowledges the other FIN ends the connection (TCP.md 39).

    RFC 9293 3.10.7.4, fifth. The kernel stays in LAST_ACK until an ACK without FIN."""
    return p.is_(FIN) and p.before.kernel_state == p.kernel_state == "LAST_ACK" and p.our_state == "TIME_WAIT" and p.segment.ack in p.view.receiver.fins


def any_ack_after_fin(p):
    """The kernel takes any ACK for that of the FIN: FIN_WAIT to CLOSE_WAIT, LAST_ACK to TIME_WAIT.

    RFC 9293 3.10.7.4, fifth: only one that acknowledges the FIN."""
    if not p.segment.flags & ACK or not p.is_(0):
        return False
    sender, receiver = p.view.sender, p.view.receiver
    fin_acked = receiver.fin is not None and p.segment.ack == receiver.fin and p.view.takes(p.segment)
    if (p.before.kernel_state, p.kernel_state) == ("FIN_WAIT", "CLOSE_WAIT"):
        return not fin_acked
    return (p.before.kernel_state, p.kernel_state) == ("LAST_ACK", "TIME_WAIT") and not (fin_acked and sender.fin_acknowledged)


def any_fin_counts(p):
    """The kernel takes any FIN for a new one: behind a hole, or again by the same side, or crossing.

    RFC 9293 3.10.7.4, eighth: a FIN counts in sequence, and once; 3.6, figure 13: FINs that cross lead to CLOSING. Where its sender had shown more,
    as it seemed, than lies before the FIN, we wait for its ACK (TCP.md 22, 37): the RFCs are silent, and it costs one segment's delay."""
    if not p.is_(FIN) or p.kernel_invalid or p.kernel_stays or p.kernel_state not in ("FIN_WAIT", "LAST_ACK"):
        return False
    sender, receiver = p.view.sender, p.view.receiver
    in_sequence = p.view.takes(p.segment) and p.segment.seq == receiver.expects and sender.fin is None
    return not in_sequence or contradicted(p) or p.view.misled[0] or (receiver.fins and p.segment.ack not in receiver.fins) or bool(sender.held or receiver.held)


def exact_reset(p):
    """A RST at the very number that is expected closes, also at a window of zero; while closing, one inside the window.

    RFC 9293 3.10.7.4, second, RFC 5961 3.2. The kernel wants it inside the window and exact by the last ACK it saw."""
    return (p.is_(RST) and not p.kernel_invalid and not p.reason and p.our_state == "CLOSE" and p.kernel_stays
            and (p.view.exact(p.segment) or _closing_in_window(p)))


def resets_are_taken_in_time_wait(p):
    """A RST does not end TIME_WAIT.

    RFC 1337. The kernel lets it."""
    return p.is_(RST) and p.before.our_state == "TIME_WAIT" and p.kernel_state == "CLOSE" and p.our_state == "TIME_WAIT"


def ack_in_an_old_segment(p):
    """The ACK in a segment that lies below what is expected opens and closes nothing.

    RFC 9293 3.10.7.4, first: the segment is dropped with it."""
    expects = p.view.receiver.expects
    return p.is_(0) and not p.reason and p.kernel_state != p.our_state and expects is not None and after(expects, p.segment.end)


def ack_after_a_syn(p):
    """After a SYN on the connection, or an inexact RST, the kernel does not let the next ACK count, whatever it acknowledges.

    RFC 9293 3.10.7.4, fifth: what acknowledges the FIN does, challenge or not. TCP.md 4 means the ACK that stops before the FIN."""
    return (p.is_(0) and not p.reason and p.kernel_stays and any(s.flags & (SYN | RST) for s in p.talk.log[3:p.index])
            and p.view.receiver.fin is not None and p.segment.ack == p.view.receiver.fin)


def syn_ack_again(p):
    """A SYN+ACK that has the number of the old one, or acknowledges the old SYN, opens nothing, also after a SYN on the connection.

    RFC 5961 4: a SYN on the connection is answered with an ACK, never with a SYN+ACK. The kernel opens anew."""
    s, sender, receiver = p.segment, p.view.sender, p.view.receiver
    return (p.is_(SYN) and s.flags & ACK and not p.reason and p.we_stay and p.kernel_state == "SYN_RECV" and receiver.isn is not None
            and after(s.ack, receiver.isn) and not after(s.ack, receiver.sent) and (s.seq == sender.isn or s.ack == (receiver.isn + 1) & MASK))


def syn_ack_takes_back(p):
    """Who sends its SYN+ACK again before it has said anything else is in SYN_RCVD: the third ACK was lost.

    RFC 9293 3.5 and figure 5; TCP.md, "a sender's state is certain". The kernel stays where the third ACK had taken it."""
    s, sender, receiver = p.segment, p.view.sender, p.view.receiver
    return (p.is_(SYN) and s.flags & ACK and not p.reason and not p.kernel_invalid and p.kernel_stays and p.our_state == "SYN_RECV"
            and s.seq == sender.isn and s.ack == (receiver.isn + 1) & MASK and not after(sender.sent, (s.seq + 1) & MASK))


def window_is_rounded(p):
    """What lies beyond the window by less than an eighth of it moves us, but not the kernel.

    The kernel is right; a window is kept in a byte, rounded up (dataplane/tcp/sequence.h). To use it one must be inside nearly as exactly."""
    limit, window = p.view.receiver.limit, p.view.receiver.window
    of_window = p.is_(0, FIN) or (p.is_(RST) and p.before.our_state in _CLOSING and p.before.our_state != "TIME_WAIT" and p.our_state == "CLOSE")
    return (of_window and not p.reason and p.kernel_stays and not p.we_stay and limit is not None and not after(limit, p.segment.seq)
            and after(limit + window // 8 + 1, p.segment.seq))


def kernel_is_ahead(p):
    """As listed, the kernel has taken an ACK or a FIN before for what it was not; now we move, to where RFC 9293 has the ends.

    The FINs that each end has taken and acknowledged are counted in the record; and who acknowledges one, even in old data, has it."""
    allowed = p.talk.words[p.index] | ({"CLOSE_WAIT"} if p.segment.flags & ACK and p.segment.ack in p.view.receiver.fins else set())
    return p.before.kernel_state != p.before.our_state and p.before.kernel_state in _CLOSING and p.our_state in allowed


def a_forgery_was_believed(p):
    """Earlier, a segment that neither end sent was plausible, and the numbers of one of the two have been off since.

    Which of the two, and of which side, depends on rules that are all in this list; what follows from two such numbers has no rule. The
    test fails if there are more than two of a thousand talks, and what is `of_use` is never excused by it."""
    beyond_its_fin = any(end.fin is not None and after(end.shown, end.fin) for end in (p.view.sender, p.view.receiver))
    return any(turn.startswith("odd_") for turn in p.talk.turns[:p.index + 1]) and (contradicted(p) or any(p.view.misled) or beyond_its_fin)


VERDICTS = [syn_on_a_connection, inexact_reset, held_to_its_first_numbers, beyond_the_fin, old_segment, beyond_the_window, ack_beyond_the_fin, old_timestamp,
            duplicate_in_time_wait, wrong_answer_to_a_syn, impossible_flags, ack_of_unseen_data, before_the_answer,
            reset_whatever_it_acknowledges, after_the_reset, stray_reset, fin_again, ack_of_uncounted_data, of_a_new_incarnation, picked_up_at_anything, syn_in_time_wait,
            a_forgery_was_believed]
STATES = [fin_with_ack_of_unseen_data, picked_up_at_anything, syn_in_time_wait, fin_that_acknowledges, any_ack_after_fin, any_fin_counts, exact_reset, inexact_reset,
          resets_are_taken_in_time_wait, ack_in_an_old_segment, after_the_reset, before_the_answer, reset_whatever_it_acknowledges,
          ack_after_a_syn, syn_ack_again, syn_ack_takes_back, of_a_new_incarnation, wrong_answer_to_a_syn, window_is_rounded, kernel_is_ahead, fin_behind_its_ack,
          a_forgery_was_believed]
