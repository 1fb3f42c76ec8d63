# SPDX-License-Identifier: LGPL-2.1-or-later
"""What arrives is what was sent: all of the guest's memory, and a disk with its lock."""

import filecmp
import os
import unittest

from . import env
from .guests import LinuxGuest, TickGuest
from .lab import Lab
from .qmp import QmpError
from .side import quit_politely

MIB = 1 << 20


class MemoryTest(unittest.TestCase):
    """All of the guest's RAM, byte for byte, after several passes. See ODD_KIB in guests.py."""

    def compare(self, guest, qemu, to_qemu, machine=env.OLD_MACHINE, kind=None):
        with Lab(self.id(), guest, qemu, to_qemu, machine, kind=kind) as lab:
            lab.start_source()
            lab.start_agent()
            report = lab.migrate("--paused", "--keep-source", "--bandwidth", "64MiB")
            self.assertEqual(report["vm_runs_on"], "destination")
            self.assertEqual(lab.destination.status(), "paused")
            self.assertEqual(lab.source.status(), "postmigrate")
            files = [self.save(side, guest) for side in (lab.source, lab.destination)]
            self.assert_not_empty(files[0])
            self.assertTrue(lab.source.is_silent() and lab.destination.is_silent())
            self.assertTrue(filecmp.cmp(*files, shallow=False), "memory differs")
            lab.destination.command("cont")
            lab.destination.wait_beat()
            quit_politely(lab.source)
            lab.check_nothing_left(living=lab.destination)
            lab.check_clock()

    def save(self, side, guest):
        path = os.path.join(side.folder, "memory")
        side.command("pmemsave", timeout_s=60, val=0, size=guest.ram_bytes, filename=path)
        self.assertEqual(os.path.getsize(path), guest.ram_bytes)
        return path

    def assert_not_empty(self, path):
        """Two files of zeros would be equal too."""
        with open(path, "rb") as file:
            used = sum(any(page) for page in iter(lambda: file.read(4096), b""))
        self.assertGreater(used, 7000)

    def test_tick_old(self):
        self.compare(TickGuest(), "7.2", "7.2")

    def test_tick_new(self):
        self.compare(TickGuest(), "10.0", "10.0", env.NEW_MACHINE)

    def test_linux_old(self):
        self.compare(LinuxGuest(), "7.2", "7.2")

    def test_linux_old_to_new(self):
        self.compare(LinuxGuest(), "7.2", "10.0")

    def test_linux_new(self):
        self.compare(LinuxGuest(), "10.0", "10.0", env.NEW_MACHINE)


class PausedTest(unittest.TestCase):
    """A guest that its user had paused stays so."""

    def stays_paused(self, qemu, machine):
        with Lab(self.id(), LinuxGuest(), qemu, machine=machine) as lab:
            lab.start_source()
            lab.source.command("stop")
            lab.start_agent()
            lab.migrate("--keep-source")
            self.assertEqual(lab.destination.status(), "paused")
            self.assertEqual(lab.destination.beats(), 0)
            files = [MemoryTest.save(self, side, lab.guest) for side in (lab.source, lab.destination)]
            self.assertTrue(filecmp.cmp(*files, shallow=False), "memory differs")
            quit_politely(lab.source)
            lab.check_nothing_left(living=lab.destination)

    def test_old(self):
        self.stays_paused("7.2", env.OLD_MACHINE)

    def test_new(self):
        self.stays_paused("10.0", env.NEW_MACHINE)


class SharedDiskTest(unittest.TestCase):
    """Both QEMUs have the same writable image open: its lock is handed over with the guest."""

    def hand_over(self, qemu, machine):
        with Lab(self.id(), qemu=qemu, machine=machine) as lab:
            image = os.path.join(lab.folder, "shared.img")
            with open(image, "wb") as file:
                file.truncate(16 * MIB)
            for side in (lab.source, lab.destination):
                side.extra = ["-drive", "file=%s,format=raw,if=virtio,file.locking=on" % image]
                side.write_vm_file()
            lab.start_source()
            lab.start_agent()
            lab.migrate("--keep-source")
            lab.wait_runs_only_on(lab.destination)
            with self.assertRaisesRegex(QmpError, "lock"):
                lab.source.command("cont")
            self.assertNotEqual(lab.source.status(), "running")
            quit_politely(lab.source)
            lab.check_nothing_left(living=lab.destination)
            lab.check_clock()

    def test_old(self):
        self.hand_over("7.2", env.OLD_MACHINE)

    def test_new(self):
        self.hand_over("10.0", env.NEW_MACHINE)
