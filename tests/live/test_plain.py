# SPDX-License-Identifier: LGPL-2.1-or-later
"""The tests' own tools: both guests move between the QEMUs by plain QMP, and damage would be seen."""

import unittest

from . import env, plain
from .guests import LinuxGuest, TickGuest
from .scratch import Scratch
from .side import Side


class PlainTest(unittest.TestCase):

    def move(self, guest, from_qemu, to_qemu, machine=env.OLD_MACHINE):
        with Scratch(self.id()) as scratch:
            source = Side(scratch.path("a"), guest, from_qemu, machine)
            destination = Side(scratch.path("b"), guest, to_qemu, machine)
            scratch.sides = [source, destination]
            source.start_plainly()
            source.wait_beat()
            destination.start_plainly("-S", "-incoming", "defer")
            numbers = plain.migrate(source.monitor(), destination.monitor())
            self.assertGreater(numbers["total_ms"], 0)
            destination.wait_beat()
            beats = guest.read(source.clock_path, destination.clock_path)
            guest.check(beats)
            self.assertGreater(len(beats), 1)

    def test_tick_old_to_old(self):
        self.move(TickGuest(), "7.2", "7.2")

    def test_tick_old_to_new(self):
        self.move(TickGuest(), "7.2", "10.0")

    def test_tick_new_to_new(self):
        self.move(TickGuest(), "10.0", "10.0", env.NEW_MACHINE)

    def test_linux_old_to_new(self):
        self.move(LinuxGuest(), "7.2", "10.0")

    def test_tick_damage_is_seen(self):
        """A byte changed behind the guest's back ends its ticks with the mark for it."""
        guest = TickGuest(ram_mib=32, pages=64, dirty=1)
        self.assertRaisesRegex(AssertionError, "damaged", guest.check, [0, 1, 255])
        self.assertRaisesRegex(AssertionError, "tick 2 came as 1", guest.check, [0, 1, 1])
        self.assertRaisesRegex(AssertionError, "tick 1 came as 2", guest.check, [0, 2])

    def test_heartbeat_loss_is_seen(self):
        self.assertRaisesRegex(AssertionError, "heartbeat 2 came as 3", LinuxGuest.check, [0, 1, 3])
        self.assertRaisesRegex(AssertionError, "heartbeat 2 came as 1", LinuxGuest.check, [0, 1, 1])
