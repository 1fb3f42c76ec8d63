# SPDX-License-Identifier: LGPL-2.1-or-later
"""A running guest is migrated over every kind of channel; afterwards nothing of the channels remains."""

import os
import unittest

from . import env, test_memory
from .channels import KINDS
from .guests import LinuxGuest, TickGuest
from .lab import Lab
from .witness import Witness

PAIRS = {"old": ("7.2", "7.2", env.OLD_MACHINE), "old_to_new": ("7.2", "10.0", env.OLD_MACHINE),
         "new": ("10.0", "10.0", env.NEW_MACHINE)}


class KindCase(unittest.TestCase):
    """One move over one kind of channel."""

    def move(self, kind, pair, guest):
        source_qemu, destination_qemu, machine = PAIRS[pair]
        with Lab(self.id(), guest, source_qemu, destination_qemu, machine, kind=kind) as lab:
            lab.start_source()
            lab.start_agent()
            with Witness(lab.source, lab.destination):
                report = lab.migrate()
                lab.wait_runs_only_on(lab.destination)
            self.check_plan(kind, report)
            lab.check_nothing_left(living=lab.destination)
            lab.check_clock()

    def check_plan(self, kind, report):
        plan = report["plan"]
        self.assertEqual(plan["transport"], "direct" if kind in ("direct", "tls") else "relay")
        self.assertEqual(plan["channels"], int(kind[-1]) if "multifd" in kind else 1)
        self.assertEqual({connection["encryption"] for connection in report["connections"]},
                         {"tls" if kind.startswith("tls") else "none"})


def make_move(kind, pair, guest_class):
    def test(self):
        self.move(kind, pair, guest_class())
    return test


for _kind in KINDS:
    for _pair in PAIRS:
        # A real kernel where the versions differ; once a way of carrying is enough.
        _guest = LinuxGuest if _pair == "old_to_new" and not KINDS[_kind].tls else TickGuest
        setattr(KindCase, "test_%s_%s" % (_kind.replace("-", "_"), _pair), make_move(_kind, _pair, _guest))


class Accounted(unittest.TestCase):
    """The stream is read as it passes, and nothing about it is strange."""

    def account(self, qemu, *options):
        with Lab(self.id(), TickGuest(), qemu, machine=env.OLD_MACHINE) as lab:
            lab.start_source()
            lab.start_agent()
            report = lab.migrate("--account", *options)
            lab.wait_runs_only_on(lab.destination)
            self.assertEqual(report["plan"]["transport"], "relay")
            self.assertEqual([event for event in report["events"] if event["event"] == "doubt"], [])
            lab.check_clock()

    def test_one_channel_old(self):
        self.account("7.2")

    def test_multifd_new(self):
        self.account("10.0", "--channels", "2")


class OtherUser(unittest.TestCase):
    """QEMUs that have given up root, as a cautious host runs them, reach the relay all the same."""

    def test_runas(self):
        with Lab(self.id(), TickGuest(), extra=["-runas", "nobody"], kind="multifd2") as lab:
            for side in (lab.source, lab.destination):
                os.chmod(side.folder, 0o711)
            os.chmod(lab.folder, 0o711)
            lab.start_source()
            lab.start_agent()
            lab.migrate()
            lab.wait_runs_only_on(lab.destination)
            # That user may not remove its monitor's socket from a folder of root's.
            lab.check_nothing_left(living=lab.destination, crashed=[lab.source])
            lab.check_clock()


class KindMemory(test_memory.MemoryTest):
    """All of the guest's RAM, byte for byte, over the kinds that copy it."""

    def test_tick_old(self):
        self.compare(TickGuest(), "7.2", "7.2", kind="relay")

    def test_tick_new(self):
        self.compare(TickGuest(), "10.0", "10.0", env.NEW_MACHINE, kind="multifd4")

    def test_linux_old(self):
        self.compare(LinuxGuest(), "7.2", "7.2", kind="multifd2")

    def test_linux_old_to_new(self):
        self.compare(LinuxGuest(), "7.2", "10.0", kind="multifd2")

    def test_linux_new(self):
        self.compare(LinuxGuest(), "10.0", "10.0", env.NEW_MACHINE, kind="relay")

    def test_encrypted_old_to_new(self):
        self.compare(LinuxGuest(), "7.2", "10.0", kind="tls")

    def test_encrypted_multifd_new(self):
        self.compare(TickGuest(), "10.0", "10.0", env.NEW_MACHINE, kind="tls-multifd4")
