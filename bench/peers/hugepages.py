"""Room in the kernel's pool of 2 MiB pages for as long as a program needs it."""

import fcntl
from contextlib import contextmanager

_POOL = "/sys/kernel/mm/hugepages/hugepages-2048kB/"
_PAGE_MIB = 2


def _change(pages):
    """Changes the pool by `pages`; returns by how many it did. Locked: several runs may do it at once."""
    with open(_POOL + "nr_hugepages", "r+", encoding="ascii") as pool:
        fcntl.flock(pool, fcntl.LOCK_EX)
        before = int(pool.read())
        pool.seek(0)
        pool.write(str(max(before + pages, 0)))
        pool.flush()
        pool.seek(0)
        return int(pool.read()) - before


@contextmanager
def room(mib):
    """The pool has `mib` more; they are taken away again at the end. Raises MemoryError."""
    wanted = -(-mib // _PAGE_MIB)
    got = _change(wanted)
    try:
        if got < wanted:
            raise MemoryError(f"{mib} MiB of 2 MiB pages wanted, {got * _PAGE_MIB} MiB could be had")
        yield
    finally:
        _change(-got)
