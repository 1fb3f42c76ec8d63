# SPDX-License-Identifier: LGPL-2.1-or-later
"""Channels of a multifd migration that break at its beginning, many times with the same source QEMU.

QEMU 7.2 and 10.0 abort with an assertion (yank_unregister_instance: QLIST_EMPTY(&entry->yankfns)) when
their own end of a channel breaks then. So the relay never closes that end: it reads on and discards the bytes.
"""

import os
import random
import signal
import time
import unittest

from . import procs
from .lab import CANCELLED, FAILED, Lab, SLOWLY, monitor_says
from .test_handover import MACHINES, settings_of

ROUNDS = int(os.environ.get("EARLY_ROUNDS", "4"))
MULTIFD_HEAD_BYTES = 64
# Where a channel breaks: before QEMU's first byte, in its head, after it, and in the stream. The main channel has little
# to carry beside those of multifd.
MAIN_PLACES = (0, 1, 4, 8, 100, 300)
PLACES = (0, 1, 4, MULTIFD_HEAD_BYTES - 1, MULTIFD_HEAD_BYTES, MULTIFD_HEAD_BYTES + 1, 5000, 300000, 3000000)
CANCEL_DELAYS_S = (0, 0.001, 0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1)

# The run has failed by itself before the SIGINT, which ended godwit when it was about to say so.
ENDED_BEFORE = -signal.SIGINT


class EarlyLab(Lab):
    """One source's QEMU for many migrations that fail. EARLY_SEED repeats a test's choices."""

    def __init__(self, label, qemu, kind):
        super().__init__(label, qemu=qemu, machine=MACHINES[qemu], kind=kind)
        self.channels = 1 + (int(kind[-1]) if "multifd" in kind else 0)
        self.seed = int(os.environ.get("EARLY_SEED", random.randrange(1 << 30)))
        self.random = random.Random(self.seed)

    def begin(self):
        self.start_source()
        self.start_agent()
        self.use_proxy()
        self.first_pid = self.source.pid()
        self.former = settings_of(self.source)

    def start_round(self):
        """`godwit migrate` with all channels open, and QEMU told nothing yet; returns its hook too."""
        self.proxy.forget()
        hook = self.hook("source:precopy")
        migrate = self.start_migrate(*SLOWLY, "--hook", hook.command)
        hook.wait(migrate)
        return migrate, hook

    def choose_limits(self):
        """Some channels, or all, and after how many bytes each breaks. Connection 0 is the control connection."""
        count = self.random.choice((1, 1, self.channels))
        limits = {}
        for index in self.random.sample(range(self.channels), count):
            places = MAIN_PLACES if index == 0 and self.channels > 1 else PLACES
            limits[1 + index] = self.random.choice(places)
        return limits

    def cancel(self, migrate):
        """By the user, or by somebody else on another monitor, at any moment of the beginning. Returns what it did."""
        delay_s = self.random.choice(CANCEL_DELAYS_S)
        procs.wait_until(lambda: self.source.migration_status() in ("setup", "active"), 20, "a migration", 0.0005)
        time.sleep(delay_s)
        if self.random.random() < 0.5:
            migrate.signal(signal.SIGINT)
            return "SIGINT after %g s" % delay_s
        monitor_says(self.source, "migrate_cancel")
        return "migrate_cancel after %g s" % delay_s

    def check_round(self, what, migrate, codes):
        """The guest has not noticed: it runs in the same QEMU, which has its settings again."""
        code = migrate.wait(60)
        said = "seed %d, %s: exit code %d: %s" % (self.seed, what, code, migrate.err)
        if self.source.pid() != self.first_pid:
            raise AssertionError("the source's QEMU is gone; " + said)
        if code not in codes:
            raise AssertionError(said)
        self.wait_runs_only_on(self.source)
        if settings_of(self.source) != self.former:
            raise AssertionError("the settings are not as before; " + said)
        procs.wait_until(lambda: not self.journals() and self.destination.pid() is None, 20, "the end; " + said)

    def check_end(self):
        self.check_nothing_left(living=self.source)
        self.guest.check(self.guest.read(self.source.clock_path))


class EarlyTest(unittest.TestCase):

    def breaks(self, qemu, kind):
        with EarlyLab(self.id(), qemu, kind) as lab:
            lab.begin()
            for _ in range(ROUNDS):
                limits = lab.choose_limits()
                migrate, hook = lab.start_round()
                lab.proxy.break_after(limits)
                hook.go()
                lab.check_round("channels break after %s" % limits, migrate, {FAILED})
            lab.check_end()

    def cancelled(self, qemu, kind):
        with EarlyLab(self.id(), qemu, kind) as lab:
            lab.begin()
            for _ in range(ROUNDS):
                migrate, hook = lab.start_round()
                hook.go()
                what = lab.cancel(migrate)
                lab.check_round(what, migrate, {CANCELLED, FAILED})
            lab.check_end()

    def cancelled_and_breaks(self, qemu, kind):
        """The cancel finds channels that are closed at the other end."""
        with EarlyLab(self.id(), qemu, kind) as lab:
            lab.begin()
            for _ in range(ROUNDS):
                limits = lab.choose_limits()
                migrate, hook = lab.start_round()
                hook.go()
                if lab.random.random() < 0.5:
                    lab.proxy.break_after(limits)
                    what = lab.cancel(migrate)
                else:
                    what = lab.cancel(migrate)
                    lab.proxy.break_after(limits)
                lab.check_round("%s, %s" % (what, limits), migrate, {CANCELLED, FAILED, ENDED_BEFORE})
            lab.check_end()


def make(method, qemu, kind):
    return lambda self: getattr(self, method)(qemu, kind)


KINDS = {"breaks": ("direct", "relay", "multifd2", "multifd4", "tls", "tls-multifd2"),
         "cancelled": ("multifd4", "tls", "tls-multifd2"),
         "cancelled_and_breaks": ("relay", "multifd4", "tls", "tls-multifd2")}

for _method, _kinds in KINDS.items():
    for _kind in _kinds:
        for _qemu, _suffix in (("7.2", "old"), ("10.0", "new")):
            setattr(EarlyTest, "test_%s_%s_%s" % (_method, _kind.replace("-", "_"), _suffix),
                    make(_method, _qemu, _kind))
