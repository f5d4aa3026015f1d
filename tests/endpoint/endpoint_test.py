"""Does coretrack know the state of a real Linux endpoint, whatever it is sent?

    python3 tests/endpoint/endpoint_test.py --bin-dir build/bin [--conversations N] [--seed N] [--only N]

A real TCP socket talks with a peer that says anything (conversation.py). After each turn the kernel is asked for the
socket's state, and every segment goes into a capture. `coretrack replay --events` of that capture must then have had the
host's end in the same state at the same packets, but for what differences.py lists.
"""

import argparse
import collections
import random
import sys
import tempfile
from pathlib import Path

sys.dont_write_bytecode = True

import capture  # noqa: E402
from conversation import Conversation  # noqa: E402
from differences import explain  # noqa: E402
from host import HOST, Host, enter_namespace  # noqa: E402
from segment import ACK, RST, SYN  # noqa: E402

SKIPPED = 77  # CTest's SKIP_RETURN_CODE
FIRST_PORT = 1024


def converse(count, seed, only):
    host = Host()
    conversations = []
    for number in range(count):
        if only is not None and number != only:
            continue
        source = random.Random(f"{seed}/{number}")
        conversation = Conversation(host, FIRST_PORT + number, source).run(source.randrange(2, 14))
        conversation.number = number
        conversation.close()
        conversations.append(conversation)
    return conversations


class Verdict:
    """What was compared, and the first difference of each conversation."""

    def __init__(self):
        self.compared = self.judged = 0
        self.states = collections.Counter()
        self.listed = collections.Counter()
        self.unlisted = []

    def compare(self, conversation, states, invalid):
        tracked, done, before, expected = ("CLOSED", "CLOSED"), 0, "CLOSED", None
        for what, segments, kernel in conversation.turns:
            if what.startswith("user") and segments == done and kernel != before:
                return  # of which nothing was said on the wire
            for index in range(done, segments):
                tracked = states.get(conversation.first_packet + index, tracked)
            turn = conversation.log[done:segments]
            reasons = [invalid.get(conversation.first_packet + index) for index in range(done, segments)]
            wrong, expected = accepted_but_invalid(turn, reasons, expected, kernel != before)
            if wrong or tracked[0] not in (kernel, {"LISTEN": "CLOSED"}.get(kernel)):
                name = explain(conversation, turn, before, kernel, tracked)
                if name:
                    self.listed[name] += 1
                else:
                    self.unlisted.append(story(conversation, segments, what, kernel, tracked, states, invalid, wrong))
                return
            self.compared += 1
            self.judged += len(turn)
            self.states[kernel] += 1
            done, before = segments, kernel


def accepted_but_invalid(turn, reasons, expected, moved):
    """What is wrong with the reasons of a turn's segments, or None; and what the host expects next.

    A segment that moved the host, or whose data it acknowledged, and every segment but a RST that the host itself sent, is valid."""
    wrong = None
    for at, (s, reason) in enumerate(zip(turn, reasons)):
        if s.source == HOST:
            if reason and not s.flags & RST:
                wrong = wrong or f"the host's own segment is {reason}"
            if s.flags & ACK and not s.flags & RST:
                expected = s.ack
            continue
        answers = [a for a in turn[at + 1:] if a.source == HOST and a.flags & (ACK | RST) == ACK]
        data_taken = expected is not None and any(a.ack == s.end and a.ack != expected for a in answers) and s.end != s.seq and not s.flags & SYN
        refused = any(a.source == HOST and a.flags & RST for a in turn[at + 1:])
        if reason and (moved and not refused or data_taken):
            wrong = wrong or f"the host accepted what is {reason}"
    return wrong, expected


def story(conversation, segments, what, kernel, tracked, states, invalid, wrong):
    lines = [f"conversation {conversation.number}: {wrong or ''} after {what} the host is in {kernel}, coretrack has {tracked[0]} (peer {tracked[1]})"]
    turns = {}
    for turn, count, state in conversation.turns:
        turns.setdefault(count, []).append(f"{turn}: {state}")
    for index in range(segments):
        packet = conversation.first_packet + index
        note = " ".join(str(x) for x in (states.get(packet, ""), invalid.get(packet, "")) if x)
        lines.append(f"    {conversation.log[index]}    {note}")
        lines += [f"  {turn}" for turn in turns.get(index + 1, [])]
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin-dir", type=Path, required=True)
    parser.add_argument("--conversations", type=int, default=20000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", type=int)
    parser.add_argument("--stories", type=int, default=3, help="how many differences to tell")
    options = parser.parse_args()
    if options.conversations > 60_000:
        parser.error("--conversations: each needs a port of its own, there are 60000")
    if not enter_namespace():
        print("skipped: no network namespace or no TUN device here")
        return SKIPPED
    verdict = Verdict()
    conversations = converse(options.conversations, options.seed, options.only)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "endpoint.pcap"
        capture.write(path, conversations)
        states, invalid = capture.replay(options.bin_dir / "coretrack", path, HOST)
    for conversation in conversations:
        verdict.compare(conversation, states, invalid)
    print(f"{len(conversations)} conversations, {verdict.compared} states and the validity of {verdict.judged} segments equal:",
          ", ".join(f"{state} {count}" for state, count in verdict.states.most_common()))
    for name, count in verdict.listed.most_common():
        print(f"  differs as listed: {name}: {count}")
    # A list that explains everything explains nothing.
    too_many = verdict.listed.total() > len(conversations) // 10 or verdict.listed["forged_inside_the_window"] > max(3, len(conversations) // 500)
    if too_many:
        print("more than a tenth of all conversations differ as listed, or one in 500 by a forgery alone: is the list too generous?")
    for text in verdict.unlisted[:options.stories]:
        print(text)
    print(f"{len(verdict.unlisted)} unlisted differences")
    return 1 if verdict.unlisted or too_many or verdict.compared == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
