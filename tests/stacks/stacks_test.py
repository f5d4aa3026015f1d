"""Real Linux stacks through coretrackd, in bad weather: is its account of both ends what both ends say?

    python3 tests/stacks/stacks_test.py --bin-dir build/bin [--connections N] [--seed N] [--lose N] [--double N] [--delay N]     # of 1000
"""

import argparse
import collections
import os
import random
import shutil
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(1, str(_ROOT / "deploy"))
sys.dont_write_bytecode = True

from netlab import namespace  # noqa: E402
from netlab.scratch import Scratch  # noqa: E402

import features  # noqa: E402
from hosts import Hosts  # noqa: E402
from scenarios import KINDS, Pair  # noqa: E402
from stale import FIN, SYN, copy_unanswered, first_fin_unseen, read, unexplained  # noqa: E402

SKIPPED = 77  # CTest's SKIP_RETURN_CODE
_THREADS = 40
_REST_SECONDS = 25
# What the hosts have negotiated, round after round: large windows with everything on, and with everything off.
_ROUNDS = [
    {"net__ipv4__tcp_rmem": "4096 131072 1073741824", "net__ipv4__tcp_timestamps": "1", "net__ipv4__tcp_sack": "1", "net__ipv4__tcp_ecn": "1"},
    {"net__ipv4__tcp_rmem": "4096 131072 6291456", "net__ipv4__tcp_timestamps": "0", "net__ipv4__tcp_sack": "0", "net__ipv4__tcp_ecn": "0"},
    {"net__ipv4__tcp_timestamps": "1", "net__ipv4__tcp_sack": "0"},
]
_ALWAYS = {"net__ipv4__tcp_fastopen": "3", "net__ipv4__tcp_fin_timeout": "120", "net__ipv4__tcp_rfc1337": "1"}


def run_connections(hosts, count, seed):
    """[(kind, pair, error or None)]."""
    rows, source = [], random.Random(seed)
    hosts.configure(**_ALWAYS)

    def one(kind, pair):
        try:
            kind(pair)
            rows.append((kind.__name__, pair, None))
        except OSError as error:
            rows.append((kind.__name__, pair, error))

    made = 0
    for settings in _ROUNDS:
        hosts.configure(**settings)
        with ThreadPoolExecutor(_THREADS) as pool:
            for _ in range(count // len(_ROUNDS)):
                kind, version = KINDS[made % len(KINDS)], source.choice([4, 6])
                pair = Pair(hosts, version, 20_000 + made, 40_000 + made, random.Random(f"{seed}/{made}"))
                pool.submit(one, kind, pair)
                made += 1
    return rows


def flow_states(hosts):
    """{(client's end, server's end): ((client's state, server's state), flow)}"""
    found = {}
    for flow in hosts.daemon.api.flows():
        ends = {(e["address"], e["port"]): e["state"] for e in (flow["originator"], flow["responder"])}
        found[frozenset(ends)] = ends, flow
    return found


def compare(hosts, rows):
    """[(text, kind, [(an end that differs, what the box says, what its host says)])]."""
    flows, clients, servers = flow_states(hosts), hosts.states(hosts.client), hosts.states(hosts.server)
    wrong = []
    for kind, pair, error in rows:
        if error is not None:
            continue
        c, s = pair.client_end, pair.server_end
        real = clients.get((*c, *s), "CLOSED"), servers.get((*s, *c), "CLOSED")
        known = flows.get(frozenset((c, s)))
        if known is None:
            wrong.append((f"{kind} {c[1]}: no flow; the hosts say {real}", kind, []))
            continue
        tracked = tuple({"LISTEN": "CLOSED"}.get(known[0][end], known[0][end]) for end in (c, s))
        if tracked != real:
            text = f"{kind} from port {c[1]}: coretrack {tracked}, hosts {real}, history {known[1]['history']}"
            wrong.append((text, kind, [(end, tracked[i], real[i]) for i, end in enumerate((c, s)) if tracked[i] != real[i]]))
    return wrong


# What a copy of an acknowledged SYN+ACK or FIN takes back until it is answered, for that acknowledgment may have been lost behind the box:
# the state that the box says, the host's, whose copy it is.
_TAKEN_BACK = {("SYN_RCVD", "ESTABLISHED"): SYN, ("FIN_WAIT_1", "FIN_WAIT_2"): FIN, ("CLOSING", "TIME_WAIT"): FIN, ("LAST_ACK", "CLOSED"): FIN}


def excused(hosts, wrong):
    """Of these: whose first FIN was lost before the box, and crossed the other one, for it looks like a passive closer; and of whose SYN+ACK or FIN a copy
    came last, unanswered."""
    segments = list(read(hosts.capture)) if wrong else []

    def is_excused(kind, end, tracked, real):
        copied = _TAKEN_BACK.get((tracked, real))
        if copied is not None and copy_unanswered(segments, end, copied):
            return True
        return kind == "simultaneous_close_in_weather" and first_fin_unseen(segments, end)
    return [text for text, kind, ends in wrong if ends and all(is_excused(kind, *end) for end in ends)]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin-dir", type=Path, required=True)
    parser.add_argument("--connections", type=int, default=630)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--lose", type=int, default=15)
    parser.add_argument("--double", type=int, default=15)
    parser.add_argument("--delay", type=int, default=60)
    parser.add_argument("--keep", type=Path, help="a folder for a capture of what the box received")
    options = parser.parse_args()
    namespace.become_root_of_own([sys.executable, *sys.argv])
    try:
        namespace.check_allowed()
    except namespace.NotAllowed as reason:
        print(f"skipped: {reason}")
        return SKIPPED
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    with ExitStack() as stack:
        folder = stack.enter_context(Scratch("coretrack-stacks"))
        hosts = Hosts(options.bin_dir, stack, folder, (options.lose, options.double, options.delay), options.seed)
        begun = time.monotonic()
        rows = run_connections(hosts, options.connections, options.seed)
        took = time.monotonic() - begun
        hosts.calm()
        end = time.monotonic() + _REST_SECONDS
        while (wrong := compare(hosts, rows)) and len(excused(hosts, wrong)) < len(wrong) and time.monotonic() < end:
            time.sleep(0.5)
        stats = hosts.daemon.api.json("/api/v1/stats")
        report = hosts.weather_report()
        unseen = excused(hosts, wrong)
        wrong = [text for text, _, _ in wrong if text not in unseen]
        number, not_stale = unexplained(options.bin_dir / "coretrack", hosts.capture)
        if options.keep:
            shutil.copy(hosts.capture, options.keep)
        failed = [f"{kind} from port {pair.client_end[1]}: {error}" for kind, pair, error in rows if error is not None]
        invalid = {reason: count for reason, count in stats["invalid"].items() if count}
        by_kind = collections.Counter(kind for kind, _, error in rows if error is None)
        print(f"{len(rows)} connections in {took:.0f} s; weather: {report}")
        print("kinds:", ", ".join(f"{kind} {count}" for kind, count in by_kind.most_common()))
        print(f"packets {stats['received']}, unaccounted {stats['unaccounted']}, retransmissions {stats['retransmissions']}, invalid {invalid}")
        print(f"invalid by replay of what the box received: {number}, of them of use to their peer: {len(not_stale)}")
        seen = features.find(hosts.capture)
        print("on the wire, by connections:", ", ".join(f"{name} {len(seen[name])}" for name in features.WANTED))
        absent = features.absent(seen, rows)
        for text in (failed + wrong + not_stale + absent)[:20]:
            print("  " + text)
        print(f"{len(failed)} connections failed, {len(wrong)} differ, {len(unseen)} excused")
        few = len(rows) // 50
        return 1 if wrong or not_stale or absent or stats["unaccounted"] or len(failed) > few or len(unseen) > few else 0


if __name__ == "__main__":
    sys.exit(main())
