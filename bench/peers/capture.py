"""The capture that every program is fed with, over and over.

Each of F established connections has an ACK of either end in it, in random order: 60 bytes, valid checksums, the
addresses of a farm (many clients, few servers). Repeated, they are duplicate ACKs: valid, and nothing is retransmitted.
The programs pick the connections up in mid-stream, and have seen both ends after the first round.
"""

import random
import socket
import struct

FRAME_BYTES = 60
_ETHERNET = bytes.fromhex("020000000001020000000002" "0800")
_CLIENT_SEQ, _SERVER_SEQ = 1000, 5000
_FRAME = struct.Struct("!14s BBHHHBBHII HHIIBBHHH 6x")
IP_SUM = 0x4500 + 40 + 0x4000 + 0x4006  # of the words that are the same in every packet
TCP_SUM = socket.IPPROTO_TCP + 20 + _CLIENT_SEQ + _SERVER_SEQ + 443 + 0x5010 + 0xFFFF


def _checksum(total):
    total = (total & 0xFFFF) + (total >> 16)
    total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF


def endpoints(flow):
    """((client, port), (server, port)) of a flow's number, addresses as numbers."""
    return (0x0A000000 + (flow >> 4) * 7, 1024 + (flow & 15) * 4001), (0xC0A80000 + (flow & 0xFF), 443)


def frame(flow, from_client):
    """One ACK as bytes."""
    (client, client_port), (server, server_port) = endpoints(flow)
    addresses = (client >> 16) + (client & 0xFFFF) + (server >> 16) + (server & 0xFFFF)
    ip_sum, tcp_sum = _checksum(IP_SUM + addresses), _checksum(TCP_SUM + addresses + client_port)
    if from_client:
        source, destination, ports, numbers = client, server, (client_port, server_port), (_CLIENT_SEQ, _SERVER_SEQ)
    else:
        source, destination, ports, numbers = server, client, (server_port, client_port), (_SERVER_SEQ, _CLIENT_SEQ)
    return _FRAME.pack(_ETHERNET, 0x45, 0, 40, 0, 0x4000, 64, socket.IPPROTO_TCP, ip_sum, source, destination,
                       *ports, *numbers, 0x50, 0x10, 0xFFFF, tcp_sum, 0)


def write(path, flows):
    """Writes the capture; returns how many packets it has."""
    order = [(flow, from_client) for flow in range(flows) for from_client in (True, False)]
    random.Random(flows).shuffle(order)
    record = struct.pack("<IIII", 0, 0, FRAME_BYTES, FRAME_BYTES)
    with open(path, "wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        for flow, from_client in order:
            file.write(record + frame(flow, from_client))
    return len(order)
