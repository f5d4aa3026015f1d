"""A folder for one run, removed at its end; what a killed run left behind is removed by the next one."""

import os
import re
import shutil
import tempfile
from pathlib import Path


class Scratch:
    """/tmp/NAME-PID, ours alone. A context manager giving the path."""

    def __init__(self, name):
        parent = Path(tempfile.gettempdir())
        self._remove_orphans(parent, name)
        self.path = parent / f"{name}-{os.getpid()}"

    @staticmethod
    def _remove_orphans(parent, name):
        for entry in parent.glob(f"{name}-*"):
            match = re.fullmatch(rf"{re.escape(name)}-(\d+)", entry.name)
            try:
                if match and entry.lstat().st_uid == os.getuid() and not Path("/proc", match[1]).exists():
                    shutil.rmtree(entry, ignore_errors=True)
            except FileNotFoundError:
                pass  # another run was faster

    def __enter__(self):
        self.path.mkdir(mode=0o700)
        return self.path

    def __exit__(self, *_):
        shutil.rmtree(self.path, ignore_errors=True)
