"""Visitors of the web server, without end. Runs in the client's namespace, until it is killed.

    python3 -m demo.traffic
"""

import random
import threading
import time

from netlab import topology, web_server
from netlab.connections import (client_closes, client_resets, half_close, keep_alive, open_socket, read_answer, refused,
                                send_request, server_closes, server_resets, unanswered, upload)

SHORT_VISITORS, LONG_VISITORS = 6, 10
PAUSE_SECONDS = 0.12  # a short visitor's mean pause between two connections

# What short visitors do, and how often.
_KINDS = {client_closes: 30, server_closes: 25, keep_alive: 15, upload: 10, half_close: 8, client_resets: 5,
          server_resets: 3, refused: 2, unanswered: 2}


def _version(generator):
    return 6 if generator.random() < 0.25 else 4


def _short_visitor(generator):
    kinds, weights = list(_KINDS), list(_KINDS.values())
    while True:
        kind = generator.choices(kinds, weights)[0]
        version = _version(generator)
        address = (topology.SILENT if kind is unanswered else topology.SERVER)[version]
        try:
            kind(open_socket(version, timeout_seconds=5), address, int(generator.lognormvariate(8, 1.3)) % 300_000)
        except OSError:
            pass  # The next one may do better; the view shows what became of this one.
        time.sleep(generator.expovariate(1 / PAUSE_SECONDS))


def _long_visitor(generator):
    """Reads a page now and then over one connection, and leaves after a while."""
    while True:
        try:
            with open_socket(_version(generator), timeout_seconds=5) as sock:
                sock.connect((topology.SERVER[6 if sock.family.name == "AF_INET6" else 4], web_server.PORT))
                for _ in range(generator.randint(3, 20)):
                    send_request(sock, f"/bytes/{generator.randint(100, 60_000)}")
                    read_answer(sock)
                    time.sleep(generator.expovariate(2))
        except OSError:
            time.sleep(1)


def main():
    threading.stack_size(256 * 1024)
    for i in range(SHORT_VISITORS + LONG_VISITORS):
        visitor = _short_visitor if i < SHORT_VISITORS else _long_visitor
        threading.Thread(target=visitor, args=(random.Random(i),), daemon=True).start()
    threading.Event().wait()


if __name__ == "__main__":
    main()
