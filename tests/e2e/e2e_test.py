"""The end-to-end test: real connections between two hosts, and coretrackd's account of them compared one by one with
what the client did, what a ledger of all packets says, and what the network interfaces counted.

    python3 tests/e2e/e2e_test.py --bin-dir build/bin [--connections N]

Needs to be root, or a user who may be root of a user namespace. Where network namespaces cannot be made it fails, unless the
environment says CORETRACK_E2E=skip.
"""

import argparse
import json
import os
import sys
import unittest
from collections import Counter
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(_ROOT), str(_ROOT / "deploy")]
sys.dont_write_bytecode = True

from netlab.connections import EXPECTED  # noqa: E402
from tests.e2e import program  # noqa: E402
from tests.e2e.world import World  # noqa: E402

SEED = 7
_options = argparse.Namespace()


class EndToEnd(unittest.TestCase):
    maxDiff = 2000

    @classmethod
    def setUpClass(cls):
        cls.world = World(_options.bin_dir, _options.connections, SEED)
        cls.addClassCleanup(cls.world.close)
        cls.flows = World.by_tuple(cls.world.flows)

    def assert_none(self, problems, most=10):
        if problems:
            self.fail("\n".join([f"{len(problems)} problems:", *problems[:most]]))

    def test_a_client_made_every_connection(self):
        self.assertEqual([], self.world.failures)
        self.assertEqual(_options.connections, len(self.world.connections))
        kinds = Counter(row["kind"] for row in self.world.connections)
        self.assertEqual({kind.__name__ for kind in EXPECTED}, set(kinds))

    def test_b_each_connection_is_one_flow_and_nothing_else_is(self):
        self.assertEqual(len(self.world.flows), len(self.flows), "a 4-tuple is there twice")
        self.assertEqual({World.tuple_of(row) for row in self.world.connections}, set(self.flows))
        self.assertEqual({"tcp"}, {flow["proto"] for flow in self.world.flows})

    def test_c_states_say_who_closed(self):
        wrong = self.world.wrong_states()
        self.assert_none(wrong)

    def test_d_packets_and_bytes_of_each_flow(self):
        self.assertEqual(0, self.world.ledger["lost"], "the ledger itself lost packets")
        wrong = []
        for ends, flow in self.flows.items():
            for name, key in (("originator", ends), ("responder", ends[2:] + ends[:2])):
                seen = [flow[name]["packets"], flow[name]["bytes"]]
                true = self.world.ledger["flows"].get(" ".join(map(str, key)), [0, 0])
                if seen != true:
                    wrong.append(f"{name} of {ends}: [packets, bytes] {seen} instead of {true}")
        self.assert_none(wrong)

    def test_e_interfaces_counted_the_same(self):
        count = self.world.interfaces
        for name, ours, theirs in (("west", "west", "client"), ("east", "east", "server")):
            for way, back in (("rx", "tx"), ("tx", "rx")):
                for unit in ("packets", "bytes"):
                    self.assertEqual(count[theirs][back][unit], count[ours][way][unit], f"{name} {way} {unit}")
                self.assertEqual(0, count[ours][way]["dropped"], f"{name} {way}")
        # Nothing is lost or made up between the two ports, in either direction.
        for unit in ("packets", "bytes"):
            self.assertEqual(count["west"]["rx"][unit], count["east"]["tx"][unit], unit)
            self.assertEqual(count["east"]["rx"][unit], count["west"]["tx"][unit], unit)
        self.assertEqual(self.world.ledger["packets"], sum(count["client"][way]["packets"] for way in ("rx", "tx")))

    def test_f_no_packet_is_unaccounted_for(self):
        count, stats = self.world.interfaces, self.world.stats
        self.assertEqual(count["west"]["rx"]["packets"] + count["east"]["rx"]["packets"], stats["received"])
        self.assertEqual(count["west"]["rx"]["bytes"] + count["east"]["rx"]["bytes"], stats["received_bytes"])
        self.assertEqual(count["west"]["tx"]["packets"] + count["east"]["tx"]["packets"], stats["forwarded"])
        dropped = sum(stats["dropped"].values())
        self.assertEqual(0, dropped, stats["dropped"])
        self.assertEqual(0, stats["in_flight"])
        self.assertEqual(stats["received"], stats["forwarded"] + dropped + stats["in_flight"])

    def test_g_flows_add_up_to_what_was_received(self):
        ends = [flow[name] for flow in self.world.flows for name in ("originator", "responder")]
        stats = self.world.stats
        self.assertEqual(stats["tracked"], sum(end["packets"] for end in ends))
        self.assertEqual(stats["received"], stats["tracked"] + sum(stats["untracked"].values()))
        self.assertEqual(0, sum(stats["untracked"].values()), stats["untracked"])
        # Flows count from the IP header on; the Ethernet header has 14 bytes.
        self.assertEqual(stats["received_bytes"] - 14 * stats["received"], sum(end["bytes"] for end in ends))

    def test_h_healthy_hosts_send_nothing_invalid(self):
        invalid = dict(self.world.stats["invalid"])
        # On a busy machine a host sends again what is only late, and it arrives in TIME_WAIT: an old duplicate (TCP.md 17).
        # Each one belongs to a flow that is in TIME_WAIT and shows it.
        late = [flow for flow in self.world.flows if flow["time_wait"]["old_duplicates"]]
        self.assert_none([flow for flow in late if "TIME_WAIT" not in (flow["originator"]["state"], flow["responder"]["state"])])
        duplicates = invalid.pop("time_wait_duplicate")
        self.assertEqual(duplicates, sum(flow["time_wait"]["old_duplicates"] for flow in late))
        self.assertLess(duplicates, 2 + len(self.world.connections) // 100)
        self.assertEqual(0, sum(invalid.values()), invalid)
        self.assertEqual(0, sum(self.world.stats["malformed"].values()), self.world.stats["malformed"])
        odd = [f"{flow['originator']} out of window {flow['out_of_window']} midstream {flow['midstream']}"
               for flow in self.world.flows if flow["out_of_window"] or flow["midstream"]]
        self.assert_none(odd)

    def test_i_the_command_line_tells_the_same(self):
        lines = self.world.ask("flows", "-o", "json", "--limit", len(self.world.flows) + 1).splitlines()
        stable = ("id", "originator", "responder", "start", "history")
        expected = {flow["id"]: {key: flow[key] for key in stable} for flow in self.world.flows}
        told = {flow["id"]: {key: flow[key] for key in stable} for flow in map(json.loads, lines)}
        self.assertEqual(len(lines), len(told), "a flow was shown twice")
        self.assertEqual(expected, told)
        self.assertEqual(str(len(told)), self.world.ask("flows", "--count").strip())

    def test_j_filters_select_by_state_port_and_network(self):
        wanted = [flow for flow in self.world.flows if flow["responder"]["address"].startswith("fd77:")
                  and "TIME_WAIT" in (flow["originator"]["state"], flow["responder"]["state"])
                  and flow["responder"]["port"] == 8080]
        self.assertTrue(wanted)
        count = self.world.ask("flows", "--count", "--dst", "fd77::/16", "--state", "time_wait", "--dport", 8080)
        self.assertEqual(str(len(wanted)), count.strip())

    def test_k_one_flow_by_its_id_then_deleted(self):
        flow = next(flow for flow in self.world.flows if flow["originator"]["state"] == "ESTABLISHED")
        api = self.world.daemon.api
        self.assertEqual(flow["history"], api.json(f"/api/v1/flows/{flow['id']}")["history"])
        port = flow["originator"]["port"]
        status, _, body = api.request("DELETE", "/api/v1/flows", sport=port, src=flow["originator"]["address"])
        self.assertEqual(200, status, body)
        self.assertEqual([], list(api.flows(sport=port)))
        status, _, _ = api.request("GET", f"/api/v1/flows/{flow['id']}")
        self.assertEqual(404, status)

    def test_l_it_ends_cleanly_when_told_to(self):
        daemon = self.world.daemon
        self.assertEqual(0, daemon.stop(), daemon.said())
        self.assertFalse(daemon.socket.exists(), "its socket is left behind")


class Neighbours(unittest.TestCase):
    """The box is transparent: hosts behind it find each other by ARP and neighbour discovery."""

    def test_arp_and_neighbour_discovery_pass(self):
        world = World(_options.bin_dir, 60, SEED, ["client_closes", "server_closes", "refused"], fixed_neighbours=False)
        self.addCleanup(world.close)
        self.assertEqual([], world.failures)
        self.assertEqual([], world.wrong_states())
        self.assertGreater(world.stats["untracked"]["not_ip"], 0, "no ARP was seen")
        self.assertEqual({"tcp", "icmpv6"}, {flow["proto"] for flow in world.flows}, "neighbour discovery is ICMPv6")
        self.assertEqual(0, sum(world.stats["malformed"].values()), world.stats["malformed"])
        self.assertEqual(world.stats["received"], world.stats["forwarded"] + world.stats["in_flight"])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin-dir", required=True, type=Path)
    parser.add_argument("--connections", type=int, default=int(os.environ.get("CORETRACK_E2E_CONNECTIONS", 2000)))
    return program.run("e2e", parser, _options)


if __name__ == "__main__":
    sys.exit(main())
