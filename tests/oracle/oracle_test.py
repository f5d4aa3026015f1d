"""coretrack against the kernel's nf_conntrack, segment by segment.

    python3 tests/oracle/oracle_test.py --bin-dir build/bin [--talks N] [--seed N] [--only N]

The same segments (talk.py) pass the kernel's conntrack (router.py) and, as a capture, `coretrack replay --events`. After
each one both say whether it was invalid and in which state the connection is, ours put into the kernel's words. Each
difference must be one that differences.py lists.
"""

import argparse
import collections
import random
import sys
import tempfile
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(1, str(Path(__file__).resolve().parents[1] / "endpoint"))

import capture  # noqa: E402
from differences import STATES, VERDICTS, Point, of_use  # noqa: E402
from router import HOSTS, Router, enter_namespace  # noqa: E402
from talk import Talk  # noqa: E402

SKIPPED = 77  # CTest's SKIP_RETURN_CODE


def talk_all(count, seed, only):
    router = Router()
    talks = []
    for number in range(count):
        if only is not None and number != only:
            continue
        source = random.Random(f"{seed}/{number}")
        talk = Talk(number, 1024 + number, source)
        talk.kernel = []  # (invalid, state) after each segment

        def pass_on(s, talk=talk):
            client, server = talk.client, talk.server
            invalid = router.send(s.packet, s.source, server.address if s.source == client.address else client.address)
            talk.kernel.append((invalid, router.state(client.address, client.port, server.address, server.port)))

        talks.append(talk.run(source.randrange(1, 14), pass_on))
    return talks


class Verdict:
    """Of all talks. A listed difference does not end a talk, unless one of the two has no connection any more, or another one."""

    def __init__(self):
        self.compared = self.apart = self.to_the_end = 0
        self.states = collections.Counter()
        self.listed = collections.Counter()
        self.unlisted = []

    def compare(self, talk, states, invalid):
        ours = None
        before = Point(talk, -1, None, (False, None), None, None, None)
        for index, segment in enumerate(talk.log):
            packet = talk.first_packet + index
            ours = states.get(packet, ours)
            point = Point(talk, index, segment, talk.kernel[index], ours, invalid.get(packet), before)
            names = explain(point)
            if names is None:
                self.unlisted.append((str(point), story(talk, index, point, states, invalid)))
                return
            self.listed.update(names)
            if not names:
                self.compared += 1
                self.states[point.kernel_state] += 1
                self.apart += point.kernel_state != point.our_state
            if point.kernel_state != point.our_state and {None, "CLOSE", "SYN_SENT", "SYN_RECV"} & set(point.words):
                return
            before = point
        self.to_the_end += 1


def explain(point):
    """The names of the differences that explain this point; none if there is nothing to explain; None: it cannot be explained."""
    if of_use(point):
        return None
    names = set()
    for same, list_ in ((point.same_verdict(), VERDICTS), (point.same_states, STATES)):
        if not same:
            name = next((d.__name__ for d in list_ if d(point)), None)
            if name is None:
                return None
            names.add(name)
    return names


def story(talk, last, point, states, invalid):
    lines = [f"talk {talk.number}: {point}"]
    for index, s in enumerate(talk.log[:last + 1]):
        packet = talk.first_packet + index
        kernel = ("INVALID " if talk.kernel[index][0] else "") + str(talk.kernel[index][1])
        ours = " ".join(str(x) for x in (states.get(packet, ""), invalid.get(packet, "")) if x)
        lines.append(f"  {talk.turns[index]:12} {s}\n      kernel {kernel}; ours {ours}")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin-dir", type=Path, required=True)
    parser.add_argument("--talks", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", type=int)
    parser.add_argument("--stories", type=int, default=3, help="how many differences to tell")
    parser.add_argument("--kinds", type=int, default=20, help="of how many kinds of difference to tell the number")
    options = parser.parse_args()
    if options.talks > 60_000:
        parser.error("--talks: each needs a port of its own, there are 60000")
    if not enter_namespace():
        print("skipped: no network namespace, TUN device or nftables here")
        return SKIPPED
    talks = talk_all(options.talks, options.seed, options.only)
    verdict = Verdict()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "oracle.pcap"
        capture.write(path, talks)
        states, invalid = capture.replay(options.bin_dir / "coretrack", path, *(client for client, _ in HOSTS.values()))
    for talk in talks:
        verdict.compare(talk, states, invalid)
    judged = verdict.compared + verdict.listed.total()
    print(f"{len(talks)} talks, {verdict.to_the_end} compared to their end; {verdict.compared} segments judged alike ({verdict.apart} of them while the states were apart):",
          ", ".join(f"{state} {count}" for state, count in verdict.states.most_common()))
    for name, count in verdict.listed.most_common():
        print(f"  differs as listed: {name}: {count}")
    for difference in dict.fromkeys([*VERDICTS, *STATES]):
        if not verdict.listed[difference.__name__]:
            print(f"  listed, and did not occur: {difference.__name__}")
    for _, text in verdict.unlisted[:options.stories]:
        print(text)
    for kind, count in collections.Counter(kind for kind, _ in verdict.unlisted).most_common(options.kinds):
        print(f"  {count}: {kind}")
    print(f"{len(verdict.unlisted)} unlisted differences")
    # A list that explains everything explains nothing.
    vague = verdict.listed["a_forgery_was_believed"]
    failed = verdict.unlisted or vague > max(3, len(talks) // 500) or verdict.to_the_end < len(talks) * 4 // 5 or verdict.compared < judged * 9 // 10
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
