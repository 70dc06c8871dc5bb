#!/usr/bin/env python3
"""Runs a command and writes what it cost: `CPU WALL` in seconds, the CPU that of its descendants too.

usage: measure.py FIGURES SECONDS COMMAND...

The kernel's own account of the process (wait4), in microseconds, so that nothing of this program is counted. The command
is killed after SECONDS, or when this program is told to end. Its exit code is passed on.
"""

import os
import signal
import sys
import time


def main() -> int:
    figures, limit, command = sys.argv[1], float(sys.argv[2]), sys.argv[3:]
    started = time.perf_counter()
    # Whoever runs this in the background has SIGINT ignored, and so would the command.
    child = os.posix_spawnp(command[0], command, os.environ, setpgroup=0, setsigdef=[signal.SIGINT])

    def end(number, _frame):
        os.killpg(child, signal.SIGKILL)
        print(f"`{command[0]}` was ended by {signal.Signals(number).name}", file=sys.stderr)

    for number in (signal.SIGALRM, signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, end)
    signal.setitimer(signal.ITIMER_REAL, limit)
    _, status, usage = os.wait4(child, 0)
    wall = time.perf_counter() - started
    with open(figures, "w") as file:
        print(f"{usage.ru_utime + usage.ru_stime:.6f} {wall:.6f}", file=file)
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


sys.exit(main())
