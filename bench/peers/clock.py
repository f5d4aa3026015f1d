"""Processor time of a polling thread, so that a busy machine spoils the caches but not the clock."""

from pathlib import Path


def _threads(pid):
    """{thread: seconds on a processor}, from the scheduler's own count of nanoseconds."""
    times = {}
    for path in Path(f"/proc/{pid}/task").iterdir():
        try:
            times[path.name] = int((path / "schedstat").read_text().split()[0]) / 1e9
        except OSError:
            pass  # a thread that has ended
    return times


class BusiestThread:
    """Of a process, since this was made: the polling one, where there is one worker."""

    def __init__(self, pid):
        self._pid, self._start = pid, _threads(pid)

    def seconds(self):
        return max(end - self._start.get(thread, 0) for thread, end in _threads(self._pid).items())
