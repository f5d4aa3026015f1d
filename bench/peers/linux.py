"""Linux as a router in a network namespace, with nf_conntrack and without.

    kernel_source.py -> "in" -> ip_forward, [nft: ct state] -> "out", which throws away

Both devices are ifb: one without a redirection drops what it is given to send, at next to no cost.
"""

import json
import re
import shutil
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from pathlib import Path

from netlab.namespace import Namespace, stop

from . import capture

BENCH = Path(__file__).resolve().parent.parent
_HASH_SIZE, _MAX = "/sys/module/nf_conntrack/parameters/hashsize", "/proc/sys/net/netfilter/nf_conntrack_max"
_NEXT_HOP = "172.31.0.2"
_RULES = """
table ip peer {
  chain forward {
    type filter hook forward priority 0; policy drop;
    ct state { established, new } accept
  }
}
"""


def missing():
    """Why it cannot be run; empty if it can."""
    tools = [tool for tool in ("ip", "tc", "nft", "nsenter") if not shutil.which(tool)]
    return f"no {', '.join(tools)}" if tools else ""


@contextmanager
def _at_least(path, value):
    """The kernel's number is raised to `value`, and put back at the end."""
    before = int(Path(path).read_text())
    if before < value:
        Path(path).write_text(str(value))
    try:
        yield
    finally:
        if before < value:
            Path(path).write_text(str(before))


def _router(namespace):
    # IPv6 would send packets of its own.
    namespace.sysctl(net__ipv6__conf__all__disable_ipv6="1", net__ipv6__conf__default__disable_ipv6="1")
    for name in ("in", "out"):
        namespace.run("ip", "link", "add", name, "address", capture.frame(0, True)[:6].hex(":"), "type", "ifb")
        namespace.run("ip", "link", "set", name, "up")
    namespace.run("tc", "qdisc", "replace", "dev", "out", "root", "noqueue")
    namespace.run("ip", "addr", "add", "172.31.0.1/24", "dev", "out")
    for network in ("10.0.0.0/8", "192.168.0.0/16"):
        namespace.run("ip", "route", "add", network, "via", _NEXT_HOP, "dev", "out")
    namespace.sysctl(net__ipv4__ip_forward="1", net__ipv4__conf__all__rp_filter="0", net__ipv4__conf__in__rp_filter="0")


def _sent(namespace):
    """Packets that went out of the router."""
    return json.loads(namespace.run("ip", "-j", "-s", "link", "show", "out"))[0]["stats64"]["rx"]["packets"]


def measure(flows, seconds, conntrack):
    """Packets a second of processor time, without the source's own; RuntimeError when it was not what is measured."""
    with ExitStack() as stack:
        stack.enter_context(_at_least(_MAX, 2 * flows))
        stack.enter_context(_at_least(_HASH_SIZE, 2 * flows))
        router = stack.enter_context(Namespace("router"))
        _router(router)
        if conntrack:
            router.run("nft", _RULES)
        source = router.popen(sys.executable, "-B", "-m", "peers.kernel_source", "in", flows, seconds, cwd=BENCH, text=True,
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        stack.callback(stop, source, 5)
        said = source.stdout.readline()
        if not said:
            raise RuntimeError(f"the kernel's packet source: {source.stderr.read().strip()[-300:]}")
        result = json.loads(said)
        if _sent(router) != result["packets"]:
            raise RuntimeError(f"Linux routed {_sent(router)} of {result['packets']} packets")
        if conntrack:
            _check(router, flows)
        return 1 / (1 / result["routed"] - 1 / result["source"])


def _check(router, flows):
    """Every flow is in the table; of those at its beginning, each is established and was seen from both ends."""
    count = int(router.run("cat", "/proc/sys/net/netfilter/nf_conntrack_count"))
    first = router.run("sh", "-c", "head -n 1000 /proc/net/nf_conntrack").splitlines()
    good = sum(bool(re.search(r" ESTABLISHED .*\[ASSURED\]", line)) for line in first)
    if count != flows or good != len(first):
        raise RuntimeError(f"nf_conntrack has {count} of {flows} flows; {good} of the first {len(first)} are established")
