"""Packets for the kernel's own router, made in the kernel: run inside the router's namespace.

An XDP program rewrites one frame to the next flow's ACK and passes it up the stack (BPF_PROG_TEST_RUN with live
frames). So there is no device driver, no copy and no second core: what is timed is the stack, and the source itself.
The packets are those of capture.py; each round has one end's ACK of every flow, the next round the other end's.
"""

import json
import os
import socket
import sys
import time

from peers import capture
from peers.bpf import XDP_DROP, XDP_PASS, Assembler, Program, State

# Words of the state: the flow's number goes i = (i * a + c) & mask.
_NUMBER, _A, _C, _MASK, _SHIFT, _COUNT, _ACTION = range(0, 56, 8)
_SCATTER_A, _SCATTER_C = 0x5D588B65 & ~3 | 1, 0x269EC3  # full period for every power of two
_CALL = 1 << 17  # packets a system call
_OPENING_ROUNDS = 4
_DATA, _STATE, _FLOW, _CLIENT, _PORT, _REVERSE, _SERVER, _SUM, _TEMPORARY = 2, 6, 0, 4, 5, 7, 8, 9, 1


def _checksum(code, register, temporary, base):
    """The folded and inverted sum, in network order."""
    code.do(register, "+=", base)
    for _ in range(2):
        code.do_with(temporary, "=", register)
        code.do(temporary, ">>=", 16)
        code.do(register, "&=", 0xFFFF)
        code.do_with(register, "+=", temporary)
    code.do(register, "^=", 0xFFFF)
    code.to_network_order(register, 16)


def program(state):
    code = Assembler()
    code.load(_DATA, 1, 0, 4)
    code.load(3, 1, 4, 4)
    code.do_with(4, "=", _DATA)
    code.do(4, "+=", capture.FRAME_BYTES)
    code.jump_if_above(4, 3, "too short")
    code.state(_STATE, state)
    code.load(_FLOW, _STATE, _NUMBER)
    for operation, word in (("*=", _A), ("+=", _C), ("&=", _MASK)):
        code.load(_TEMPORARY, _STATE, word)
        code.do_with(_FLOW, operation, _TEMPORARY)
    code.store(_STATE, _NUMBER, _FLOW)
    code.load(_REVERSE, _STATE, _COUNT)
    code.do_with(_TEMPORARY, "=", _REVERSE)
    code.do(_TEMPORARY, "+=", 1)
    code.store(_STATE, _COUNT, _TEMPORARY)
    code.load(_TEMPORARY, _STATE, _SHIFT)
    code.do_with(_REVERSE, ">>=", _TEMPORARY)
    code.do(_REVERSE, "&=", 1)
    # capture.endpoints()
    for register, operations in ((_CLIENT, ((">>=", 4), ("*=", 7))), (_PORT, (("&=", 15), ("*=", 4001), ("+=", 1024))),
                                 (_SERVER, (("&=", 0xFF),))):
        code.do_with(register, "=", _FLOW)
        for operation in operations:
            code.do(register, *operation)
    code.add_address(_CLIENT, 0x0A000000)
    code.add_address(_SERVER, 0xC0A80000)
    code.do(_SUM, "=", 0)
    for register in (_CLIENT, _SERVER):
        for operation in ((">>=", 16), ("&=", 0xFFFF)):
            code.do_with(_TEMPORARY, "=", register)
            code.do(_TEMPORARY, *operation)
            code.do_with(_SUM, "+=", _TEMPORARY)
    code.do_with(3, "=", _SUM)
    code.do_with(3, "+=", _PORT)
    _checksum(code, _SUM, _TEMPORARY, capture.IP_SUM)
    code.store(_DATA, 24, _SUM, 2)
    _checksum(code, 3, _TEMPORARY, capture.TCP_SUM)
    code.store(_DATA, 50, 3, 2)
    code.to_network_order(_CLIENT, 32)
    code.to_network_order(_SERVER, 32)
    code.to_network_order(_PORT, 16)
    # Frames come round again, and the stack has written its own addresses and time to live into them.
    for offset, size in ((0, 4), (4, 4), (8, 4), (22, 2)):
        code.store_bytes(_DATA, offset, capture.frame(0, True)[offset:offset + size])
    for reverse in (False, True):
        if reverse:
            code.label("reverse")
        else:
            code.jump_if_set(_REVERSE, "reverse")
        fixed = capture.frame(0, not reverse)
        code.store(_DATA, 30 if reverse else 26, _CLIENT, 4)
        code.store(_DATA, 26 if reverse else 30, _SERVER, 4)
        code.store(_DATA, 36 if reverse else 34, _PORT, 2)
        port = 34 if reverse else 36
        code.store_bytes(_DATA, port, fixed[port:port + 2])
        code.store_bytes(_DATA, 38, fixed[38:42])
        code.store_bytes(_DATA, 42, fixed[42:46])
        code.load(0, _STATE, _ACTION)
        code.leave()
    code.label("too short")
    code.do(0, "=", 0)
    code.leave()
    return code.bytes()


def main(device, flows, seconds):
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    state = State(7)
    prog, ifindex, bits = Program(program(state)), socket.if_nametoindex(device), flows.bit_length() - 1
    frame = capture.frame(0, True)

    def rate(action):
        """(packets, packets a second of processor time)"""
        state.write(0, _SCATTER_A, _SCATTER_C, flows - 1, bits, 0, action)
        sent, start = 0, time.thread_time()
        while time.thread_time() - start < seconds:
            prog.send(frame, ifindex, _CALL)
            sent += _CALL
        return sent, sent / (time.thread_time() - start)

    # Rounds in order: every flow is opened, answered, and after its third packet the kernel calls it assured.
    state.write(flows - 1, 1, 1, flows - 1, bits, 0, XDP_PASS)
    prog.send(frame, ifindex, _OPENING_ROUNDS * flows)
    _, source = rate(XDP_DROP)
    sent, routed = rate(XDP_PASS)
    print(json.dumps({"source": source, "routed": routed, "packets": sent + _OPENING_ROUNDS * flows}), flush=True)
    sys.stdin.read()  # the namespace and its conntrack are looked at before we go


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]))
