# SPDX-License-Identifier: LGPL-2.1-or-later
"""Migrations of a running guest: both guests, both QEMUs, once and many times."""

import unittest

from . import env
from .guests import LinuxGuest, TickGuest
from .lab import Lab
from .witness import Witness

ROUND_TRIPS = 10


class MoveTest(unittest.TestCase):
    """One move by the daemon, one by `godwit receive`; nothing is left behind."""

    def move(self, guest, qemu, to_qemu, machine=env.OLD_MACHINE, receiver=False):
        with Lab(self.id(), guest, qemu, to_qemu, machine) as lab:
            lab.start_source()
            if receiver:
                lab.start_receiver()
            else:
                lab.start_agent()
            with Witness(lab.source, lab.destination) as witness:
                report = lab.migrate()
                lab.wait_runs_only_on(lab.destination)
            self.assertGreater(witness.samples, 0)
            self.check_report(report, guest)
            if receiver:
                self.assertEqual(lab.agent.wait(10), 0)
            lab.check_nothing_left(living=lab.destination)
            lab.check_clock()

    def check_report(self, report, guest):
        self.assertEqual(report["outcome"], "completed")
        self.assertEqual(report["vm_runs_on"], "destination")
        self.assertGreater(report["downtime_us"], 0)
        self.assertLess(report["downtime_us"], report["total_us"])
        self.assertGreaterEqual(report["ram"]["total_bytes"], guest.ram_mib << 20)
        self.assertGreater(report["ram"]["transferred_bytes"], 1 << 20)
        self.assertNotIn("error", report)

    def test_tick_old_to_old(self):
        self.move(TickGuest(), "7.2", "7.2")

    def test_tick_old_to_new(self):
        self.move(TickGuest(), "7.2", "10.0")

    def test_tick_new_to_new(self):
        self.move(TickGuest(), "10.0", "10.0", env.NEW_MACHINE)

    def test_linux_old_to_old(self):
        self.move(LinuxGuest(), "7.2", "7.2")

    def test_linux_old_to_new(self):
        self.move(LinuxGuest(), "7.2", "10.0")

    def test_linux_new_to_new(self):
        self.move(LinuxGuest(), "10.0", "10.0", env.NEW_MACHINE)

    def test_receive_old_to_old(self):
        self.move(TickGuest(), "7.2", "7.2", receiver=True)

    def test_receive_new_to_new(self):
        self.move(TickGuest(), "10.0", "10.0", env.NEW_MACHINE, receiver=True)


class BackAndForthTest(unittest.TestCase):

    def back_and_forth(self, qemu, machine):
        with Lab(self.id(), LinuxGuest(), qemu, machine=machine) as lab:
            lab.start_source()
            for trip in range(2 * ROUND_TRIPS):
                if trip > 0:
                    lab.swap()
                lab.start_agent()
                lab.migrate()
                lab.wait_runs_only_on(lab.destination)
                self.assertIsNone(lab.source.pid())
            beats = lab.check_clock()
            self.assertGreater(len(beats), 2 * ROUND_TRIPS)
            lab.check_nothing_left(living=lab.destination)

    def test_old(self):
        self.back_and_forth("7.2", env.OLD_MACHINE)

    def test_new(self):
        self.back_and_forth("10.0", env.NEW_MACHINE)
