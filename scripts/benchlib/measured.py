# SPDX-License-Identifier: LGPL-2.1-or-later
"""Processes whose end, CPU time and peak memory are measured.

Peak memory is VmHWM, read each 10 ms while the process lives: what it adds in its last 10 ms is not seen.
(The kernel's ru_maxrss is of no use here: it starts at the size of the Python that forked.)
"""

import os
import select
import signal
import time

from tests.live import procs

POLL_MS = 10
TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def peak_kib(pid):
    """VmHWM now; 0 for a process that has ended."""
    try:
        with open("/proc/%d/status" % pid, encoding="ascii", errors="replace") as file:
            for line in file:
                if line.startswith("VmHWM:"):
                    return int(line.split()[1])
    except OSError:
        pass
    return 0


def cpu_ms(pid):
    """utime + stime of a process that lives, of its ended threads too; the quantum is a clock tick."""
    with open("/proc/%d/stat" % pid, encoding="ascii", errors="replace") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * 1000 / TICKS_PER_S


def wait_end(process, timeout_s):
    """Waits for the end of a subprocess.Popen without the pauses of Popen.wait()."""
    pidfd = os.pidfd_open(process.pid)
    try:
        if not select.select([pidfd], [], [], timeout_s)[0]:
            raise AssertionError("process %d does not end within %.0f s" % (process.pid, timeout_s))
    finally:
        os.close(pidfd)
    process.wait()


class Measured(procs.Process):
    """A program under measurement. The clock starts before the fork; see wait_all() for its end."""

    def __init__(self, argv, log):
        self.begun_s = time.monotonic()
        super().__init__(argv, log)
        self.pidfd = os.pidfd_open(self.pid)
        self.code = self.ended_s = self.cpu_ms = None
        self.peak_kib = 0

    def look(self):
        self.peak_kib = max(self.peak_kib, peak_kib(self.pid))

    def reap(self, now_s):
        self.ended_s = now_s
        _, status, usage = os.wait4(self.pid, 0)
        self.code = self._process.returncode = os.waitstatus_to_exitcode(status)
        self.cpu_ms = (usage.ru_utime + usage.ru_stime) * 1000
        os.close(self.pidfd)

    @property
    def wall_ms(self):
        return (self.ended_s - self.begun_s) * 1000


def wait_all(leader, others, timeout_s, grace_s=10.0):
    """Watches all until each has ended. What lives after TIMEOUT_S, or GRACE_S after LEADER, is killed."""
    processes = [leader, *others]
    living = {process.pidfd: process for process in processes}
    poll = select.poll()
    for pidfd in living:
        poll.register(pidfd, select.POLLIN)
    deadline = time.monotonic() + timeout_s
    while living:
        for pidfd, _ in poll.poll(POLL_MS):
            now_s = time.monotonic()
            poll.unregister(pidfd)
            process = living.pop(pidfd)
            process.reap(now_s)
            if process is leader:
                deadline = min(deadline, now_s + grace_s)
        for process in living.values():
            process.look()
        if time.monotonic() > deadline:
            for process in living.values():
                process.signal(signal.SIGKILL)
