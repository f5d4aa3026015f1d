"""coretrack against the kernel's nf_conntrack, segment by segment.

    python3 tests/oracle/oracle_test.py --bin-dir build/bin [--talks N] [--seed N] [--only N]

The same segments (talk.py) pass the kernel's conntrack (router.py) and, as a capture, `coretrack replay --events`. After
each one both say whether it was invalid and in which state the connection is, ours put into the kernel's words. The first
difference of a talk must be one that differences.py lists.
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
from differences import DIFFERENCES, Point  # noqa: E402
from router import CLIENT, Router, enter_namespace  # noqa: E402
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
            invalid = router.send(s.packet)
            talk.kernel.append((invalid, router.state(talk.client.address, talk.client.port, talk.server.address, talk.server.port)))
            return True

        talks.append(talk.run(source.randrange(1, 14), pass_on))
    return talks


class Verdict:
    def __init__(self):
        self.compared = self.to_the_end = 0
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
            if not point.agrees():
                name = next((d.__name__ for d in DIFFERENCES if d(point)), None)
                if name:
                    self.listed[name] += 1
                else:
                    self.unlisted.append(story(talk, index, point, states, invalid))
                return
            self.compared += 1
            self.states[point.kernel_state] += 1
            before = point
        self.to_the_end += 1


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
        states, invalid = capture.replay(options.bin_dir / "coretrack", path, CLIENT)
    for talk in talks:
        verdict.compare(talk, states, invalid)
    print(f"{len(talks)} talks, {verdict.to_the_end} equal to the end, {verdict.compared} segments equal:",
          ", ".join(f"{state} {count}" for state, count in verdict.states.most_common()))
    for name, count in verdict.listed.most_common():
        print(f"  differs as listed: {name}: {count}")
    for difference in DIFFERENCES:
        if not verdict.listed[difference.__name__]:
            print(f"  listed, and did not occur: {difference.__name__}")
    # A list that explains everything explains nothing.
    vague = verdict.listed["a_forgery_was_taken"]
    if vague > max(10, len(talks) // 200):
        print(f"{vague} talks are explained by nothing but a forgery: is there a rule behind it?")
    for text in verdict.unlisted[:options.stories]:
        print(text)
    print(f"{len(verdict.unlisted)} unlisted differences")
    return 1 if verdict.unlisted or vague > max(10, len(talks) // 200) or verdict.to_the_end < len(talks) // 3 else 0


if __name__ == "__main__":
    sys.exit(main())
