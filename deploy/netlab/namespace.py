"""Network namespaces without names.

A namespace here lives as long as the process that holds it, and every process started here dies with its
parent. So nothing is left behind, however this program ends, and any number of runs can go on at once.
"""

import ctypes
import os
import signal
import subprocess

_CLONE_NEWNET = 0x40000000
_PR_SET_PDEATHSIG = 1
_IN_OWN = "CORETRACK_IN_OWN_USER_NAMESPACE"
_libc = ctypes.CDLL(None, use_errno=True)


class NotAllowed(Exception):
    """This machine or user may not make network namespaces. The text is one line for people."""


def die_with_parent():
    """For preexec_fn: the kernel kills the child when its parent is gone."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def _unshare_net():
    die_with_parent()
    if _libc.unshare(_CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "unshare")


def check_allowed():
    """Raises NotAllowed when namespaces or veth pairs cannot be made."""
    try:
        with Namespace("probe") as probe:
            probe.run("ip", "link", "add", "probe0", "type", "veth", "peer", "name", "probe1")
    except subprocess.CalledProcessError as error:
        raise NotAllowed(f"veth pairs cannot be made here: {(error.stderr or '').strip()}") from error


def become_root_of_own(argv):
    """Starts `argv` in a user namespace, as its root, in place of this program. Returns if that cannot be."""
    if os.geteuid() == 0 or _IN_OWN in os.environ:
        return
    enter = ["unshare", "--user", "--map-root-user", "--net", "--"]
    if subprocess.run([*enter, "true"], stdin=subprocess.DEVNULL, capture_output=True).returncode == 0:
        print("not root, so in a user namespace of our own", flush=True)
        os.environ[_IN_OWN] = "1"
        os.execvp(enter[0], [*enter, *argv])


class Namespace:
    """A network namespace with its loopback up; a context manager."""

    def __init__(self, label):
        self.label = label
        try:
            self._holder = subprocess.Popen(["sleep", "infinity"], preexec_fn=_unshare_net, start_new_session=True,
                                            stdin=subprocess.DEVNULL)
        except (OSError, subprocess.SubprocessError) as error:
            who = "" if os.geteuid() == 0 else " by a user who is not root"
            raise NotAllowed(f"network namespaces cannot be made here{who}") from error
        self.run("ip", "link", "set", "lo", "up")

    @property
    def pid(self):
        """The process that `ip link set ... netns` can name."""
        return self._holder.pid

    def command(self, *argv):
        return ["nsenter", f"--net=/proc/{self.pid}/ns/net", "--", *map(str, argv)]

    def run(self, *argv):
        """Runs a command to its end and returns what it printed; raises CalledProcessError."""
        return subprocess.run(self.command(*argv), stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              check=True).stdout

    def popen(self, *argv, **options):
        """Starts a command in a session of its own: Ctrl-C at the terminal reaches only us, who stop it in order."""
        return subprocess.Popen(self.command(*argv), preexec_fn=die_with_parent, start_new_session=True, **options)

    def sysctl(self, **values):
        """sysctl(net__ipv4__ip_forward=0): '__' stands for '/'."""
        for name, value in values.items():
            self.run("sh", "-c", 'printf %s "$1" >"$2"', "sh", value, "/proc/sys/" + name.replace("__", "/"))

    def close(self):
        self._holder.kill()
        self._holder.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def stop(process, seconds):
    """SIGTERM, then SIGKILL after `seconds`. Returns the exit code."""
    if process.poll() is None:
        process.terminate()
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()
