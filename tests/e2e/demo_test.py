"""The demonstration: it shows traffic, and nothing of it is left, however it ends.

    python3 tests/e2e/demo_test.py --bin-dir build/bin
"""

import argparse
import os
import re
import signal
import subprocess
import sys
import time
import unittest
import uuid
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(_ROOT), str(_ROOT / "deploy")]
sys.dont_write_bytecode = True

from tests.e2e import program  # noqa: E402

PATIENCE_SECONDS = 120
_options = argparse.Namespace()


class Run:
    """A demonstration whose processes all carry a mark in their environment."""

    def __init__(self, *arguments):
        self.mark = f"CORETRACK_DEMO_TEST={uuid.uuid4()}"
        name, _, value = self.mark.partition("=")
        environment = {**os.environ, "PYTHONPATH": str(_ROOT / "deploy"), "PYTHONDONTWRITEBYTECODE": "1", name: value}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "demo", "--bin-dir", str(_options.bin_dir), *arguments], env=environment,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.lines = []

    def see_traffic(self):
        """Reads on until a line says that packets flow."""
        for line in self.process.stdout:
            self.lines.append(line)
            if re.search(r"[1-9][\d,]* packets/s", line):
                return
        raise AssertionError("no traffic was shown:\n" + "".join(self.lines))

    def finish(self):
        """(exit code, all that was printed)."""
        rest, _ = self.process.communicate(timeout=PATIENCE_SECONDS)
        return self.process.returncode, "".join(self.lines) + rest

    def left_behind(self):
        """Processes that still carry the mark, after the kernel had time to end them."""
        for _ in range(100):
            left = []
            for entry in Path("/proc").glob("[0-9]*"):
                try:
                    if self.mark.encode() in (entry / "environ").read_bytes().split(b"\0"):
                        left.append((entry / "cmdline").read_bytes().replace(b"\0", b" ").decode())
                except OSError:
                    continue  # it has ended meanwhile, or is not ours
            if not left:
                return []
            time.sleep(0.1)
        return left

    def folder(self):
        return Path(f"/tmp/coretrack-demo-{self.process.pid}")


class Demonstration(unittest.TestCase):
    def ends_well(self, run):
        code, text = run.finish()
        self.assertEqual(0, code, text)
        self.assertIn("run: OK", text)
        received, forwarded, dropped, in_flight = [
            int(number.replace(",", "")) for number in
            re.search(r"([\d,]+) packets received = ([\d,]+) forwarded \+ ([\d,]+) dropped \+ ([\d,]+) in fl", text).groups()]
        self.assertGreater(received, 0)
        self.assertEqual(received, forwarded + dropped + in_flight)
        self.nothing_left(run)

    def nothing_left(self, run):
        self.assertEqual([], run.left_behind())
        self.assertFalse(run.folder().exists())

    def test_two_at_once_between_hosts(self):
        runs = [Run("--seconds", "3"), Run("--seconds", "3")]
        for run in runs:
            self.ends_well(run)

    def test_made_up_traffic(self):
        self.ends_well(Run("--seconds", "3", "--in-process"))

    def test_ctrl_c(self):
        run = Run()
        run.see_traffic()
        run.process.send_signal(signal.SIGINT)
        self.ends_well(run)

    def test_killed_without_warning(self):
        run = Run()
        run.see_traffic()
        run.process.kill()
        run.finish()
        self.assertEqual([], run.left_behind())
        self.ends_well(Run("--seconds", "1"))
        self.assertFalse(run.folder().exists(), "the next run removes what a killed one left")

    def test_the_daemon_dies(self):
        run = Run()
        run.see_traffic()
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                if run.mark.encode() in (entry / "environ").read_bytes() and (
                        entry / "exe").resolve().name == "coretrackd":
                    os.kill(int(entry.name), signal.SIGKILL)
            except OSError:
                continue
        code, text = run.finish()
        self.assertEqual(1, code, text)
        self.assertIn("FAILED", text)
        self.nothing_left(run)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin-dir", required=True, type=Path)
    return program.run("demo", parser, _options)


if __name__ == "__main__":
    sys.exit(main())
