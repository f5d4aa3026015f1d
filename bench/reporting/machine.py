"""What the figures were taken on."""

import os
import re
import subprocess
from datetime import datetime, timezone
from pathlib import Path


def _said(*argv, cwd=None):
    try:
        return subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, cwd=cwd).stdout.strip()
    except OSError:
        return ""


def _field(path, name):
    match = re.search(rf"^{name}\s*[:=]\s*(.+)$", Path(path).read_text(), re.MULTILINE)
    return match[1].strip() if match else "unknown"


def _compiler(build):
    """The compiler of this build, and how it was told to optimise."""
    try:
        path = _field(build / "CMakeCache.txt", "CMAKE_CXX_COMPILER:[A-Z]+")
        ninja = (build / "build.ninja").read_text()
    except OSError:
        return "unknown"
    flags = re.search(r"CMakeFiles/coretrack_bench\.dir.*?^  FLAGS = (.*?)$", ninja, re.MULTILINE | re.DOTALL)
    chosen = [flag for flag in flags[1].split() if re.match(r"-(O|march|flto|mtune)", flag)] if flags else []
    return " ".join([(_said(path, "--version").splitlines() or ["unknown"])[0], *chosen])


def cpu_seconds():
    """(all, idle, stolen) of the whole machine so far."""
    fields = [int(x) / os.sysconf("SC_CLK_TCK") for x in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    return sum(fields), fields[3] + fields[4], fields[7]


def describe(build, root):
    return {
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "cpu": _field("/proc/cpuinfo", "model name"),
        "cpus": len(os.sched_getaffinity(0)),
        "memory_gib": round(int(_field("/proc/meminfo", "MemTotal").split()[0]) / 2**20, 1),
        "kernel": os.uname().release,
        "compiler": _compiler(Path(build)),
        "dpdk": _said("pkg-config", "--modversion", "libdpdk") or "unknown",
        "revision": _said("git", "describe", "--always", "--dirty", cwd=root) or "unknown",
        "load_at_start": os.getloadavg()[0],
    }


def text(machine):
    lines = [f"machine   {machine['cpu']}, {machine['cpus']} CPUs, {machine['memory_gib']} GiB, Linux {machine['kernel']}",
             f"built by  {machine['compiler']}", f"DPDK      {machine['dpdk']}", f"coretrack {machine['revision']}",
             f"pages     {machine.get('pages', 'unknown')}",
             f"noise     load {machine['load_at_start']:.1f} at start, {machine.get('load_at_end', 0):.1f} at end; "
             f"{100 * machine.get('stolen', 0):.1f} % of processor time stolen by the host"]
    return "\n".join(lines)


def line(machine):
    """For the plot."""
    return (f"{machine['cpu']}, {machine['cpus']} CPUs, Linux {machine['kernel']}, DPDK {machine['dpdk']}, "
            f"{machine.get('pages', 'unknown')}; bars: least and most of the repetitions")
