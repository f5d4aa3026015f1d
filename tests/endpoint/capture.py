"""A capture of conversations, and what `coretrack replay --events` says of it. Also used by tests/oracle."""

import json
import struct
import subprocess

_LINKTYPE_RAW = 101


def write(path, conversations):
    """All of them, one after the other, a millisecond a packet; tells each the number of its first packet."""
    with open(path, "wb") as file:
        file.write(struct.pack("=IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, _LINKTYPE_RAW))
        number = 0
        for conversation in conversations:
            conversation.first_packet = number + 1
            for segment in conversation.log:
                length = len(segment.packet)
                file.write(struct.pack("=IIII", 1_700_000_000 + number // 1000, number % 1000 * 1000, length, length) + segment.packet)
                number += 1


def replay(binary, path, *first):
    """{packet: (state of the end whose address is in `first`, state of the other)} and {packet: reason}."""
    states, invalid = {}, {}
    output = subprocess.run([binary, "replay", "--events", path], check=True, capture_output=True, text=True).stdout
    for line in output.splitlines():
        event = json.loads(line)
        if "invalid" in event:
            invalid[event["packet"]] = event["invalid"]
            continue
        ends = event["originator"], event["responder"]
        one = ends[0] if ends[0]["address"] in first else ends[1]
        other = ends[1] if one is ends[0] else ends[0]
        states[event["packet"]] = one["state"], other["state"]
    return states, invalid
