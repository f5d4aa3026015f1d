"""The rows of the table: what is measured, the least that it must reach, and what we aim at.

A row without a bar is there for information. `at_most` turns a bar round: less is better.
"""

from dataclasses import dataclass

from .measure import Difference, Ratio, Value

M1, M16, M64 = 1 << 20, 1 << 24, 1 << 26
# At load 0.85 the pipeline's tables take 128 bytes a flow: the memory benchmark is run over as many.
FLOW_BYTES = 128
TABLE_BYTES = {flows: FLOW_BYTES * flows for flows in (M1, M16, M64)}
FORWARD_SIZES = [1 << 10, 1 << 16, M1]


@dataclass
class Bar:
    measure: object
    at_least: float = None
    at_most: float = None
    aim: float = None
    name: str = None  # in place of the measure's own

    def title(self):
        if self.name:
            return self.name
        if isinstance(self.measure, Ratio):
            return " / ".join(name for name, _ in self.measure.terms())
        return f"{self.measure.name} {self.measure.counter}"


def _memory(flows):
    return Bar(Ratio(f"Pipeline/established/{flows}", f"Memory/two_random_lines/{TABLE_BYTES[flows]}"), 0.5, aim=0.75)


def _in_turns(kind, at_least, aim=None):
    benchmark = f"Pipeline/{kind}_in_turns/{M1}"
    return Bar(Value(benchmark, "of_established"), at_least, aim=aim, name=f"{kind} / established, in turns within {benchmark}")


def _beside_rte_hash(ours, flows, peer, at_least, aim):
    benchmark = f"{ours}_beside_rte_hash/{flows}"
    return Bar(Value(benchmark, "of_rte_hash"), at_least, aim=aim,
               name=f"{ours}/{flows} / Peer/{peer}/{flows}, in turns")


def _established(flows, at_least, aim):
    return _beside_rte_hash("Pipeline/established", flows, "rte_hash_lookup_bulk32", at_least, aim)


_INSERT = (f"FlowTable/insert/{M16}", "per_s_load_0.80_to_0.85")
_QUERY = f"Pipeline/query/{10_000_000}"
_SCALE = f"Scale/{100_000_000}"

BARS = [
    _established(M1, 1.0, 1.4),
    _established(M16, 1.0, 1.3),
    # (Both beside each other would take 20 GB.)
    Bar(Ratio(f"Pipeline/established/{M64}", f"Peer/rte_hash_lookup_bulk32/{M64}"), 0.75, aim=1.05),
    _memory(M1),
    _memory(M16),
    _memory(M64),
    _beside_rte_hash("FlowTable/lookup", M16, "rte_hash_lookup_bulk32", 1.15, aim=1.5),
    Bar(Ratio(_INSERT, f"Peer/rte_hash_insert/{M16}"), 2.5, aim=4,
        name=f"FlowTable/insert/{M16}, load 0.80 to 0.85 / Peer/rte_hash_insert/{M16}"),
    Bar(Value(f"FlowTable/insert_tail/{M16}", "p999_ns", "ns"), at_most=2000, aim=1000,
        name="insert at load 0.95, p99.9 of one"),
    _beside_rte_hash("Pipeline/lifecycle", M1, "rte_hash_insert", 0.35, aim=0.6),
    Bar(Value(_SCALE, "bytes_per_ipv4_flow", "B"), at_most=115, aim=80, name="bytes an IPv4 flow, 100 M flows"),
    Bar(Value(_SCALE, "bytes_per_ipv6_flow", "B"), at_most=180, name="bytes an IPv6 flow, 100 M flows"),
    Bar(Value("Pipeline/workers/2", "scaling"), 1.9, name="two workers / one, in turns within Pipeline/workers/2"),
    Bar(Difference(f"Pipeline/herd/{10_000_000}", "p999_us_with", "p999_us_without", "us"), at_most=20, aim=5,
        name="herd of 10 M TIME_WAIT flows: p99.9 of a poll, above that without"),
    Bar(Ratio(f"Forward/coretrackd/{1 << 10}", f"Forward/testpmd/{1 << 10}"), 0.5, aim=0.65),
    _in_turns("elephant", 1.0),
    _in_turns("trains", 1.0),
    _in_turns("ipv6", 0.75, aim=0.9),
    Bar(Value(_QUERY, "throughput_ratio"), 0.97, name="query of 10 M flows: the worker's throughput meanwhile"),
    Bar(Value(_QUERY, "query_s", "s"), at_most=3, aim=1, name="query of 10 M flows: time"),
]

# What other traffic than bare TCP over IPv4 costs: timestamps, SACK blocks in one of 32, UDP, a VLAN tag, both IP versions in random order, many of these at once.
TRAFFIC = [Bar(Ratio(f"Pipeline/established_{kind}/{M1}", f"Pipeline/established/{M1}"))
           for kind in ("linux", "lossy", "udp", "tagged", "both", "many")]

# Programs beside coretrackd, same capture, one core each; and what conntrack costs the kernel.
PROGRAMS = ([Bar(Ratio(f"Forward/coretrackd_checksums/{flows}", f"Forward/{peer}/{flows}"))
             for peer in ("ovs_ct", "linux_conntrack") for flows in FORWARD_SIZES] +
            [Bar(Ratio(f"Forward/linux_conntrack/{flows}", f"Forward/linux_routing/{flows}"))
             for flows in FORWARD_SIZES])

# Beside the rows, for the plot.
PLOTTED = ([f"Pipeline/established/{flows}" for flows in (1 << 10, M1, M16, M64)] +
           [f"Peer/rte_hash_lookup_bulk32/{flows}" for flows in (1 << 10, M1, M16, M64)] +
           [f"Memory/two_random_lines/{FLOW_BYTES * flows}" for flows in (1 << 10, M1, M16, M64)])
