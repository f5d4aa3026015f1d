"""What the view shows of one moment, read from the daemon's API."""

from collections import Counter
from dataclasses import dataclass, field


@dataclass
class Snapshot:
    seconds: float = 0  # monotonic
    uptime_seconds: float = 0
    workers: int = 0
    received: int = 0
    received_bytes: int = 0
    forwarded: int = 0
    dropped: int = 0
    in_flight: int = 0
    created: int = 0  # flows, since the start
    invalid: int = 0
    flows: int = 0
    by_state: Counter = field(default_factory=Counter)  # (originator's, responder's) -> flows
    newest: list = field(default_factory=list)  # flows as the API gives them, newest first


@dataclass
class Rates:
    packets: float = 0  # a second, as the others
    bits: float = 0
    connections: float = 0


def rates(before, now):
    elapsed = max(now.seconds - before.seconds, 1e-3)
    return Rates(packets=(now.received - before.received) / elapsed,
                 bits=8 * (now.received_bytes - before.received_bytes) / elapsed,
                 connections=(now.created - before.created) / elapsed)
