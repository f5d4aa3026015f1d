"""The demonstration. Run by deploy/run, which builds first and sets PYTHONPATH.

    python3 -m demo --bin-dir DIR [--seconds N] [--in-process] [--plain]
"""

import argparse
import shutil
import signal
import sys
import time
from collections import deque

from netlab import namespace
from netlab.daemon import DaemonFailed, ring_frames
from netlab.scratch import Scratch

from . import source, view
from .scene import Hosts, InProcess
from .snapshot import Rates, rates

REFRESH_SECONDS = 1.0
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Screen:
    """The terminal's other screen, redrawn in place; the old one comes back on exit."""

    def __init__(self, plain):
        self.plain = plain

    def __enter__(self):
        if not self.plain:
            sys.stdout.write("\033[?1049h\033[?25l\033[2J")
        return self

    def __exit__(self, *_):
        if not self.plain:
            sys.stdout.write("\033[?25h\033[?1049l")
            sys.stdout.flush()

    def show(self, snapshot, history, scene, elapsed_seconds):
        if self.plain:
            print(view.plain(snapshot, history[-1], elapsed_seconds), flush=True)
            return
        width, height = shutil.get_terminal_size()
        footer = f"Ctrl-C ends. Ask: coretrack flows --socket {scene.daemon.socket}"
        lines = view.screen(snapshot, history, scene.title, footer, min(width, 120), height)
        sys.stdout.write("\033[H" + "\n".join(line + "\033[K" for line in lines) + "\033[J")
        sys.stdout.flush()


def choose(arguments):
    """Which Scene can be shown here; says why when it is not the one with hosts."""
    if arguments.in_process:
        return InProcess
    try:
        namespace.check_allowed()
        ring_frames(4096)
        return Hosts
    except namespace.NotAllowed as reason:
        namespace.become_root_of_own([sys.executable, "-m", "demo", *sys.argv[1:]])
        print(f"run: {reason}; showing traffic made up in process instead", flush=True)
        return InProcess


def watch(scene, screen, seconds):
    """Shows the scene until Ctrl-C or for `seconds`. Returns the last Snapshot."""
    start = next_look = time.monotonic()
    before = source.read(scene.daemon.api)
    history = deque([Rates()], maxlen=120)
    try:
        while seconds is None or time.monotonic() < start + seconds:
            next_look += REFRESH_SECONDS
            time.sleep(max(0.0, next_look - time.monotonic()))
            scene.check()
            now = source.read(scene.daemon.api)
            history.append(rates(before, now))
            before = now
            screen.show(now, history, scene, now.seconds - start)
    except KeyboardInterrupt:
        pass
    return before


def show(scene_class, arguments, folder):
    plain = arguments.plain or not sys.stdout.isatty()
    with scene_class(arguments.bin_dir, folder) as scene:
        started = time.monotonic()
        with Screen(plain) as screen:
            last = watch(scene, screen, arguments.seconds)
        elapsed = time.monotonic() - started
        for number in _SIGNALS:  # what is left to do takes a moment and must be done
            signal.signal(number, signal.SIG_IGN)
    print(f"run: {elapsed:.0f} s, {view.number(last.created)} connections")
    print(f"run: {view.number(last.received)} packets received ="
          f" {view.number(last.forwarded)} forwarded + {view.number(last.dropped)} dropped"
          f" + {view.number(last.in_flight)} in flight")
    code = scene.daemon.process.returncode
    if code != 0:
        print(f"run: FAILED: {scene.daemon.binary.name} ended with code {code}:\n{scene.daemon.said()}", file=sys.stderr)
        return 1
    if last.received == 0:
        print("run: FAILED: no packet was seen", file=sys.stderr)
        return 1
    print("run: OK, everything that was started has ended")
    return 0


def main():
    parser = argparse.ArgumentParser(prog="demo")
    parser.add_argument("--bin-dir", required=True)
    parser.add_argument("--seconds", type=int)
    parser.add_argument("--in-process", action="store_true")
    parser.add_argument("--plain", action="store_true")
    arguments = parser.parse_args()
    for number in _SIGNALS:
        signal.signal(number, signal.default_int_handler)
    scene_class = choose(arguments)
    try:
        with Scratch("coretrack-demo") as folder:
            return show(scene_class, arguments, folder)
    except KeyboardInterrupt:
        return 130
    except (DaemonFailed, namespace.NotAllowed) as error:
        print(f"run: FAILED: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
