"""What bench/report makes of figures: the reader of Google Benchmark's JSON, the verdicts, the plot, the capture."""

import json
import re
import socket
import struct
import subprocess
import sys
import tempfile
import unittest
import xml.dom.minidom
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "bench"), str(ROOT / "deploy")]
sys.dont_write_bytecode = True

from peers import capture  # noqa: E402
from reporting import bars, google, plot, table  # noqa: E402
from reporting.bars import Bar  # noqa: E402
from reporting.measure import Difference, Ratio, Samples, Value  # noqa: E402

HUGE, SMALL = "2 MiB huge pages", "4 KiB pages"
RECORDED = """{"context": {"num_cpus": 2}, "benchmarks": [
  {"name": "Pipeline/established/1024/manual_time", "run_name": "Pipeline/established/1024/manual_time", "run_type": "iteration",
   "repetition_index": 0, "items_per_second": 3.0e7, "label": "2 MiB huge pages"},
  {"name": "Pipeline/established/1024/manual_time", "run_name": "Pipeline/established/1024/manual_time", "run_type": "iteration",
   "repetition_index": 1, "items_per_second": 2.0e7, "label": "2 MiB huge pages"},
  {"name": "Pipeline/established/1024/manual_time_mean", "run_name": "Pipeline/established/1024/manual_time",
   "run_type": "aggregate", "items_per_second": 2.5e7},
  {"name": "Scale/100000000/iterations:1", "run_name": "Scale/100000000/iterations:1", "run_type": "iteration",
   "error_occurred": true, "error_message": "takes 18000 MiB"}]}"""


def samples_of(**rates):
    """a=[1, 2] is a benchmark "a" of two repetitions."""
    return Samples({name: [{"items_per_second": v, "label": HUGE} for v in values] for name, values in rates.items()})


class Reader(unittest.TestCase):
    def test_names_lose_what_google_benchmark_hangs_behind_them(self):
        self.assertEqual(google.plain("Pipeline/workers/2/manual_time"), "Pipeline/workers/2")
        self.assertEqual(google.plain("Scale/100/iterations:1/repeats:3/real_time"), "Scale/100")
        self.assertEqual(google.plain("Memory/two_random_lines/1024"), "Memory/two_random_lines/1024")

    def test_repetitions_are_kept_aggregates_and_errors_are_not(self):
        samples = Samples()
        google.read(RECORDED, ["Pipeline/established/1024", "Scale/100000000", "Pipeline/herd/1"], samples, "it ended early")
        self.assertEqual(samples.values("Pipeline/established/1024", "items_per_second"), [3e7, 2e7])
        self.assertEqual(samples.missing, {"Scale/100000000": "Scale/100000000: takes 18000 MiB", "Pipeline/herd/1": "it ended early"})

    def test_output_cut_short_is_a_reason(self):
        samples = Samples()
        google.read(RECORDED[:200], ["a"], samples, "killed")
        self.assertEqual((samples.by_name, samples.missing), ({}, {"a": "killed"}))

    def test_the_filter_takes_whole_names_only(self):
        chosen = google.command("x", ["Pipeline/established/1048576/manual_time"], google.CLASSES[0])[1].split("=", 1)[1]
        self.assertTrue(re.search(chosen, "Pipeline/established/1048576/manual_time"))
        for other in ("Pipeline/established/10485760/manual_time", "Pipeline/established_ipv6/1048576/manual_time"):
            self.assertFalse(re.search(chosen, other))

    def test_both_terms_of_every_ratio_run_in_one_process(self):
        def size_class(name):
            return next(i for i, c in enumerate(google.CLASSES) if google.flows_of(name) <= c.largest)
        for bar in bars.BARS:
            classes = {size_class(name) for name, _ in bar.measure.terms() if not name.startswith("Forward/")}
            self.assertLessEqual(len(classes), 1, bar.title())


class Verdicts(unittest.TestCase):
    def verdict(self, bar, samples):
        return table.row(bar, samples)["verdict"]

    def test_ratio(self):
        unsure = samples_of(a=[10, 11, 12], b=[10, 10, 10])
        self.assertEqual(self.verdict(Bar(Ratio("a", "b"), 1.05), unsure), "met, within noise")
        samples = samples_of(a=[10, 12, 11], b=[10, 10, 10])
        self.assertEqual(self.verdict(Bar(Ratio("a", "b"), 1.2), samples), "NOT MET")
        self.assertEqual(self.verdict(Bar(Ratio("a", "b"), 1.0, aim=1.2), samples), "met")
        self.assertEqual(self.verdict(Bar(Ratio("a", "b"), 1.0, aim=1.1), samples), "met, and the aim")
        self.assertEqual(self.verdict(Bar(Ratio("a", "b")), samples), "-")
        row = table.row(Bar(Ratio("a", "b"), 1.0), samples)
        self.assertEqual((row["value"], row["noise"]["min"], row["noise"]["max"], row["repetitions"]), (1.1, 1.0, 1.2, 3))
        self.assertAlmostEqual(row["noise"]["cv"], 0.0909, 4)

    def test_less_is_better_below_at_most(self):
        samples = Samples({"t": [{"with": 30.0, "without": 12.0}]})
        for most, aim, verdict in ((17, 5, "NOT MET"), (20, 5, "met"), (20, 18, "met, and the aim")):
            self.assertEqual(self.verdict(Bar(Difference("t", "with", "without"), at_most=most, aim=aim), samples), verdict)
        self.assertEqual(self.verdict(Bar(Value("t", "with"), at_most=30), samples), "met")

    def test_what_was_not_measured_says_why(self):
        samples = Samples({"a": [{"items_per_second": 1}]}, {"b": "no such benchmark"})
        for measure, why in ((Ratio("a", "b"), "no such benchmark"), (Value("a", "x"), "a has no counter x"), (Value("c", "x"), "c was not run")):
            row = table.row(Bar(measure, 1.0), samples)
            self.assertEqual((row["verdict"], row["note"], row["value"]), ("not measured", why, None))

    def test_other_pages_are_told(self):
        samples = samples_of(a=[1], b=[1])
        self.assertEqual(table.row(Bar(Ratio("a", "b")), samples)["note"], "")
        samples.by_name["b"][0]["label"] = SMALL
        self.assertIn("not on the same pages", table.row(Bar(Ratio("a", "b")), samples)["note"])

    def test_summary(self):
        rows = [{"at_least": 1, "at_most": None, "verdict": v} for v in ("met", "met, and the aim", "NOT MET", "not measured")]
        self.assertEqual(table.summary(rows + [{"at_least": None, "at_most": None, "verdict": "-"}]),
                         "4 bars: 2 met, 1 not met, 1 not measured")


class Whole(unittest.TestCase):
    def test_plot_is_xml_and_takes_memory_by_flows(self):
        names = {f"Pipeline/established/{1 << 10}": 3e7, f"Pipeline/established/{1 << 20}": 2e7, f"Memory/two_random_lines/{128 << 20}": 7e7}
        samples = Samples({name: [{"items_per_second": rate}] for name, rate in names.items()})
        xml.dom.minidom.parseString(plot.svg(samples, "R&D <machine>"))
        self.assertEqual([p[0] for p in plot.points(samples, "Memory/two_random_lines")], [1 << 20])
        self.assertIsNone(plot.svg(Samples(), ""))

    def test_report_from_a_recorded_run(self):
        about = {"cpu": "c", "cpus": 2, "memory_gib": 1, "kernel": "k", "compiler": "g++", "dpdk": "22.11", "revision": "r",
                 "load_at_start": 0.0, "repetitions": {"small": 1}}
        memory = f"Memory/two_random_lines/{128 << 20}"
        samples = {name: [{"items_per_second": r}] for name, r in ((f"Pipeline/established/{1 << 20}", 1e7), (memory, 1.6e7))}
        with tempfile.TemporaryDirectory() as folder:
            recorded = Path(folder, "in.json")
            recorded.write_text(json.dumps({"machine": about, "samples": samples, "missing": {}}))
            said = subprocess.run([sys.executable, ROOT / "bench/report", "--from", recorded, "--out", folder], capture_output=True,
                                  text=True, check=True).stdout
            rows = json.loads(Path(folder, "report.json").read_text())["rows"]
            self.assertTrue(Path(folder, "report.svg").exists())
        self.assertIn("1 met, 0 not met", said)
        self.assertEqual([r["value"] for r in rows if memory in r["row"]], [0.625])


class Capture(unittest.TestCase):
    def test_checksums(self):
        def total(data):
            return sum(struct.unpack(f"!{len(data) // 2}H", data)) % 0xFFFF
        for flow in (0, 1, 77_777, 1 << 20):
            for from_client in (True, False):
                frame = capture.frame(flow, from_client)
                ip, tcp = frame[14:34], frame[34:54]
                self.assertEqual((len(frame), total(ip), total(ip[12:] + struct.pack("!HH", socket.IPPROTO_TCP, 20) + tcp)), (60, 0, 0))


if __name__ == "__main__":
    unittest.main()
