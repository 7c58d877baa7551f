"""Run a command that dies with its parent: `python leash.py PARENT_PID SIGNAL USER COMMAND…` (USER may be empty).

Runs as a script of its own, before the command takes its place: doing this between fork and exec inside the parent (a
`preexec_fn`) may deadlock a parent with threads, and the Temporal client has some.
"""

import ctypes
import os
import pwd
import sys

PR_SET_PDEATHSIG = 1  # prctl(2)


def main() -> None:
    parent, signal, user, *command = sys.argv[1:]
    libc = ctypes.CDLL(None) if sys.platform == "linux" else None
    if user:
        _become(user)
    if (
        libc
    ):  # after the change of user, which resets it; execve keeps it (prctl(2)). Elsewhere nobody dies with a parent
        libc.prctl(PR_SET_PDEATHSIG, int(signal))
    if os.getppid() != int(parent):
        sys.exit("the parent died first")
    os.execv(command[0], command)  # noqa: S606 - the command is the devstack's own


def _become(user: str) -> None:
    entry = pwd.getpwnam(user)
    os.setgroups([])
    os.setgid(entry.pw_gid)
    os.setuid(entry.pw_uid)


if __name__ == "__main__":
    main()
