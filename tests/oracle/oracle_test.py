"""coretrack against the kernel's nf_conntrack, segment by segment.

    python3 tests/oracle/oracle_test.py --bin-dir build/bin [--talks N] [--seed N] [--only N]

The same segments (talk.py) pass the kernel's conntrack (router.py) and, as a capture, `coretrack replay --events`. After
each one both say whether it was invalid and in which state the connection is, ours put into the kernel's words. The first
difference of a talk must be one that differences.py lists.
"""

import argparse
import collections
import json
import random
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(1, str(Path(__file__).resolve().parents[1] / "endpoint"))

from differences import DIFFERENCES, Point  # noqa: E402
from router import Router, enter_namespace  # noqa: E402
from talk import Talk  # noqa: E402

SKIPPED = 77  # CTest's SKIP_RETURN_CODE
_LINKTYPE_RAW = 101


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


def write_capture(path, talks):
    with open(path, "wb") as file:
        file.write(struct.pack("=IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, _LINKTYPE_RAW))
        number = 0
        for talk in talks:
            talk.first_packet = number + 1
            for s in talk.log:
                file.write(struct.pack("=IIII", 1_700_000_000 + number // 1000, number % 1000 * 1000, len(s.packet), len(s.packet)) + s.packet)
                number += 1


def replay(binary, path):
    """{packet: (client's state, server's)}, {packet: reason}."""
    states, invalid = {}, {}
    output = subprocess.run([binary, "replay", "--events", path], check=True, capture_output=True, text=True).stdout
    for line in output.splitlines():
        event = json.loads(line)
        if "invalid" in event:
            invalid[event["packet"]] = event["invalid"]
            continue
        ends = sorted((event["originator"], event["responder"]), key=lambda end: end["address"])
        states[event["packet"]] = ends[0]["state"], ends[1]["state"]
    return states, invalid


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
        capture = Path(folder) / "oracle.pcap"
        write_capture(capture, talks)
        states, invalid = replay(options.bin_dir / "coretrack", capture)
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
