"""Writes down every packet of an interface, apart from coretrack: the second opinion of the end-to-end test.

    python3 -m tests.e2e.ledger DEVICE

Prints "ready", listens until its standard input ends, then prints one JSON object:
    {"flows": {"SOURCE PORT DESTINATION PORT": [packets, IP bytes]}, "packets": N, "bytes": N, "lost": N}
with one entry for each direction of each TCP connection.
"""

import json
import select
import socket
import struct
import sys

_ETH_P_ALL = 3
_SOL_PACKET, _PACKET_STATISTICS = 263, 6
_SO_RCVBUFFORCE = 33
_HEADER_BYTES = 128
_BUFFER_BYTES = 256 << 20


def direction(frame):
    """"SOURCE PORT DESTINATION PORT" of a TCP segment, else None. No VLAN, no extension headers: we made the hosts."""
    kind = frame[12:14]
    if kind == b"\x08\x00" and frame[23] == socket.IPPROTO_TCP:
        at = 14 + 4 * (frame[14] & 15)
        ends = [socket.inet_ntop(socket.AF_INET, frame[i:i + 4]) for i in (26, 30)]
    elif kind == b"\x86\xdd" and frame[20] == socket.IPPROTO_TCP:
        at = 54
        ends = [socket.inet_ntop(socket.AF_INET6, frame[i:i + 16]) for i in (22, 38)]
    else:
        return None
    ports = struct.unpack_from("!HH", frame, at)
    return f"{ends[0]} {ports[0]} {ends[1]} {ports[1]}"


def main(device):
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ETH_P_ALL))
    try:
        sock.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _BUFFER_BYTES)
    except PermissionError:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_BYTES)
    sock.bind((device, 0))
    print("ready", flush=True)
    flows, packets, total = {}, 0, 0
    frame = bytearray(_HEADER_BYTES)
    stopping = False
    while True:
        readable, _, _ = select.select([sock] if stopping else [sock, sys.stdin], [], [], 0 if stopping else None)
        if sys.stdin in readable:
            stopping = True
        elif not readable:
            break
        if sock not in readable:
            continue
        length = sock.recv_into(frame, _HEADER_BYTES, socket.MSG_TRUNC)
        packets += 1
        total += length
        key = direction(bytes(frame[:min(length, _HEADER_BYTES)]))
        if key:
            entry = flows.setdefault(key, [0, 0])
            entry[0] += 1
            entry[1] += length - 14
    _, lost = struct.unpack("II", sock.getsockopt(_SOL_PACKET, _PACKET_STATISTICS, 8))
    print(json.dumps({"flows": flows, "packets": packets, "bytes": total, "lost": lost}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
