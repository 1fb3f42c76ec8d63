# SPDX-License-Identifier: LGPL-2.1-or-later
"""The guest that is measured: it ticks each millisecond, and each tick is stamped on its way out."""

import os
import subprocess
import sys

from tests.live import procs
from tests.live.guests import PAGE_BYTES, TickGuest

from .tickreader import RECORD

INTERVAL_US = 1000
READER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "tickreader.py")


class StampedGuest(TickGuest):
    """The boot sector of the tests, its ticks sent to a socket in the side's folder."""

    def __init__(self, ram_mib, dirty_mb_per_s, hot_mib=None, rest_ms=0):
        per_tick = dirty_mb_per_s * INTERVAL_US / PAGE_BYTES
        hot = None if hot_mib is None else hot_mib * (1 << 20) // PAGE_BYTES
        super().__init__(ram_mib, dirty=round(per_tick), interval_us=INTERVAL_US, hot=hot,
                         rest=rest_ms * 1000 // INTERVAL_US)
        self.dirty_bytes_per_s = self.dirty * PAGE_BYTES * 1000000 // INTERVAL_US

    def options(self, folder, clock):
        words = super().options(folder, clock)
        at = words.index("-chardev")
        words[at + 1] = "socket,id=clock,path=%s" % socket_of(folder)
        return words

    @staticmethod
    def stamps(path):
        """[(nanoseconds, tick)] of one side; what is not whole yet is left out."""
        with open(path, "rb") as file:
            data = file.read()
        return list(RECORD.iter_unpack(data[:len(data) - len(data) % RECORD.size]))


def socket_of(folder):
    return os.path.join(folder, "tick")


class Reader:
    """The process that stamps. Use with `with`; SIDES are those whose QEMU does not run yet."""

    def __init__(self, sides):
        words = [word for side in sides for word in (socket_of(side.folder), side.clock_path)]
        self._argv = [sys.executable, "-S", "-E", READER] + words
        self._sockets = words[::2]
        self._process = None

    def __enter__(self):
        self._process = subprocess.Popen(self._argv, stdin=subprocess.DEVNULL)
        procs.wait_until(lambda: all(map(os.path.exists, self._sockets)), 10, "the tick reader")
        return self

    def finish(self):
        """Lets it write all that it has seen."""
        if self._process.poll() is None:
            self._process.terminate()
        self._process.wait(10)

    def __exit__(self, kind, error, trace):
        self.finish()


def intervals_ms(stamps):
    return [(after[0] - before[0]) / 1e6 for before, after in zip(stamps, stamps[1:])]


def percentile(values, part):
    """The value below which PART (0 to 1) of VALUES are."""
    ordered = sorted(values)
    return ordered[min(int(part * len(ordered)), len(ordered) - 1)]


def blackout_ms(source, destination):
    """How long the guest was silent: its last tick there to its first here, less the tick it lasts anyway."""
    return (destination[0][0] - source[-1][0]) / 1e6 - INTERVAL_US / 1e3
