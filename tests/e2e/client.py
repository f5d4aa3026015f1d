"""Makes COUNT connections, of the kinds named or of all, and says what it did. Runs in the client's namespace.

    python3 -m tests.e2e.client COUNT SEED [KIND...]

Prints one JSON object a connection: kind, version, port (ours), peer, peer_port. Then "done", and keeps what is
to stay open until its standard input ends. Each connection has a source port of its own, so a 4-tuple names it.
"""

import json
import random
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

from netlab import topology, web_server
from netlab.connections import CLOSED_PORT, EXPECTED, open_socket, refused, unanswered

FIRST_PORT = 20000  # below Linux's ephemeral ports
MAX_COUNT = 12000
THREADS = 8
LARGEST = 20000  # bytes of an answer or an upload


def plan(count, seed, names):
    """[(kind, version, size)]: every kind equally often, a third of them over IPv6, in random order."""
    kinds = [kind for kind in EXPECTED if not names or kind.__name__ in names]
    rows = [(kinds[i % len(kinds)], 6 if i % 3 == 0 else 4) for i in range(count)]
    generator = random.Random(seed)
    generator.shuffle(rows)
    return [(kind, version, generator.choice((0, 1, 900, 1460, 5000, LARGEST))) for kind, version in rows]


def main(count, seed, names):
    assert count <= MAX_COUNT
    threading.stack_size(256 * 1024)
    still_open, made, failures = [], [], []

    def one(index, kind, version, size):
        peer = (topology.SILENT if kind is unanswered else topology.SERVER)[version]
        port = FIRST_PORT + index
        try:
            sock = kind(open_socket(version, (topology.CLIENT[version], port)), peer, size)
        except OSError as error:
            failures.append(f"{kind.__name__} from port {port}: {error}")
            return
        if sock:
            still_open.append(sock)
        made.append({"kind": kind.__name__, "version": version, "port": port, "peer": peer,
                     "peer_port": CLOSED_PORT if kind is refused else web_server.PORT})

    with ThreadPoolExecutor(THREADS) as pool:
        for index, row in enumerate(plan(count, seed, names)):
            pool.submit(one, index, *row)
    for row in made + [{"failure": failure} for failure in failures]:
        print(json.dumps(row))
    print("done", flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])
