"""Bad weather: carries frames between pairs of interfaces, and loses, doubles and delays some of them.

    python3 impair.py CAPTURE SEED LOSE DOUBLE DELAY  FROM TO [FROM TO...]

What it sends to w0 and e0, which lead into the box, goes into CAPTURE (pcap) too.
LOSE, DOUBLE and DELAY are of 1000 frames; one that is delayed comes up to 30 ms late, and so behind others. A RST is never lost: it is sent
once, and whoever does not get it lives on in another state than its peer, which no box can know. SYNs and FINs that must cross
(crossings.py) wait for each other instead. "calm" on standard input ends the weather, the end of it ends the program, which then
prints what it did as JSON.
"""

import heapq
import itertools
import json
import os
import random
import select
import socket
import struct
import sys
import time

from crossings import Crossings, must_cross

_ETH_P_ALL = 3
_PACKET_OUTGOING = 4
_EVERY_MS = 2  # what the way takes anyway
_LATE_MS = 30
_RST = 4


def is_reset(frame):
    kind = frame[12:14]
    if kind == b"\x08\x00" and frame[23] == 6:
        return bool(frame[14 + (frame[14] & 15) * 4 + 13] & _RST)
    return kind == b"\x86\xdd" and frame[20] == 6 and bool(frame[54 + 13] & _RST)


def packet_socket(interface):
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ETH_P_ALL))
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 << 20)
    sock.bind((interface, _ETH_P_ALL))
    sock.setblocking(False)
    return sock


def main(capture, seed, lose, double, delay, names):
    weather = random.Random(seed)
    sockets = {name: packet_socket(name) for name in names}
    ways = {sockets[a]: sockets[b] for a, b in zip(names[::2], names[1::2])}
    into_the_box = {sockets["w0"], sockets["e0"]}
    due, order, calm, crossings = [], itertools.count(), False, Crossings()
    done = {"carried": 0, "lost": 0, "doubled": 0, "delayed": 0, "refused": 0}

    def send_after(wait_ms, frame, to):
        heapq.heappush(due, (time.monotonic() + wait_ms / 1000, next(order), frame, to))

    def carry(frame, to):
        crossing = must_cross(frame)
        if crossing and to in into_the_box:
            for released in crossings.released(crossing, frame, to):
                send_after(_EVERY_MS, *released)
            return
        wait_ms = _EVERY_MS
        if not calm and not crossing:
            if weather.randrange(1000) < lose and not is_reset(frame):
                done["lost"] += 1
                return
            if weather.randrange(1000) < delay:
                done["delayed"] += 1
                wait_ms += weather.uniform(0, _LATE_MS)
            if weather.randrange(1000) < double:
                done["doubled"] += 1
                send_after(wait_ms + weather.uniform(0, _LATE_MS), frame, to)
        send_after(wait_ms, frame, to)

    capture = open(capture, "wb")
    capture.write(struct.pack("=IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
    print("ready", flush=True)
    while True:
        wait = max(0, due[0][0] - time.monotonic()) if due else 1
        ready, _, _ = select.select([0, *ways], [], [], wait)
        for source in ready:
            if source == 0:
                if not os.read(0, 100):
                    capture.close()
                    print(json.dumps(done), flush=True)
                    return
                calm = True
                continue
            for _ in range(64):
                try:
                    frame, address = source.recvfrom(65536)
                except BlockingIOError:
                    break
                if address[2] != _PACKET_OUTGOING:
                    carry(frame, ways[source])
        now = time.monotonic()
        while due and due[0][0] <= now:
            _, _, frame, to = heapq.heappop(due)
            try:
                to.send(frame)
                done["carried"] += 1
                if to in into_the_box:
                    seconds, fraction = divmod(time.time(), 1)
                    capture.write(struct.pack("=IIII", int(seconds), int(fraction * 1e6), len(frame), len(frame)) + frame)
            except OSError:
                done["refused"] += 1


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:6]), sys.argv[6:])
