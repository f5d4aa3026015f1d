"""Reads a Snapshot from the daemon's API."""

import time
from collections import Counter

from .snapshot import Snapshot

MOST_NEWEST = 40


def read(api):
    status = api.json("/api/v1/status")
    stats = api.json("/api/v1/stats")
    flows = sorted(api.flows(), key=lambda flow: flow["start"], reverse=True)
    by_state = Counter()
    for flow in flows:
        by_state[(flow["originator"]["state"] or "-", flow["responder"]["state"] or "-")] += 1
    return Snapshot(seconds=time.monotonic(), uptime_seconds=status["uptime_seconds"], workers=status["workers"],
                    received=stats["received"], received_bytes=stats["received_bytes"], forwarded=stats["forwarded"],
                    dropped=sum(stats["dropped"].values()), in_flight=stats["in_flight"],
                    created=stats["flows_created"], invalid=sum(stats["invalid"].values()), flows=len(flows),
                    by_state=by_state, newest=flows[:MOST_NEWEST])
