# SPDX-License-Identifier: LGPL-2.1-or-later
"""The tests' own tools: both guests are migrated between the QEMUs with plain QMP, and damage would be detected."""

import mmap
import os
import struct
import time
import unittest

from . import env, plain, procs
from .guests import LinuxGuest, TickGuest
from .proxy import Proxy
from .scratch import Scratch
from .side import Side
from .witness import Witness


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



class DamageTest(unittest.TestCase):
    """The guests see memory that was changed behind their back: else no test here would prove anything."""

    def damage(self, guest, find):
        """Runs GUEST on memory that is a file, and flips a byte where FIND(memory) says."""
        with Scratch(self.id()) as scratch:
            side = Side(scratch.path("a"), guest)
            scratch.sides = [side]
            file = os.path.join(scratch.folder, "ram")
            side.extra = ["-machine", "memory-backend=ram", "-object",
                          "memory-backend-file,id=ram,size=%d,mem-path=%s,share=on" % (
                              guest.ram_bytes, file)]
            side.start_plainly()
            side.wait_beat()
            guest.check(guest.read(side.clock_path))
            with open(file, "r+b") as opened, mmap.mmap(opened.fileno(), 0) as memory:
                offset = procs.wait_until(lambda: find(memory), 10, "the page", 0.2)
                memory[offset] ^= 0xff
            return self.wait_wrong(side, guest)

    def wait_wrong(self, side, guest):
        def wrong():
            try:
                guest.check(guest.read(side.clock_path))
            except AssertionError as error:
                return str(error)
            return None
        return procs.wait_until(wrong, 20, "the damage to be seen", 0.05)

    def test_tick(self):
        guest = TickGuest(pages=256, dirty=1)
        self.assertIn("damaged", self.damage(guest, lambda memory: (1 << 20) + 77 * 4096 + 4095))

    def test_linux(self):
        """The page is known by its first two words, whatever round wrote it."""
        def find(memory):
            for at in range(0, len(memory), 4096):
                first, second = struct.unpack_from("<QQ", memory, at)
                step = 0x9e3779b97f4a7c15
                if first != second and (second - first) % (1 << 64) == step:
                    return at + 2048
            return None
        self.assertIn("corrupt page", self.damage(LinuxGuest(memory_mib=4, rate_mib_s=1), find))


class WitnessTest(unittest.TestCase):

    def test_two_copies_are_seen(self):
        with Scratch(self.id()) as scratch:
            scratch.sides = [Side(scratch.path(name), TickGuest()) for name in "ab"]
            for side in scratch.sides:
                side.start_plainly()
            with self.assertRaisesRegex(AssertionError, "two copies"), Witness(*scratch.sides):
                for side in scratch.sides:
                    side.wait_beat()
                time.sleep(0.5)

    def test_a_cut_is_a_cut(self):
        """The proxy's reset reaches both QEMUs, and the guest runs on."""
        with Scratch(self.id()) as scratch:
            source, destination = [Side(scratch.path(name), TickGuest()) for name in "ab"]
            scratch.sides = [source, destination]
            source.start_plainly()
            destination.start_plainly("-S", "-incoming", "defer")
            proxy = Proxy(plain.listen(destination.monitor()))
            source.command("migrate-set-parameters", max_bandwidth=1 << 20)
            source.command("migrate", uri="tcp:127.0.0.1:%d" % proxy.port)
            procs.wait_until(lambda: source.migration_status() == "active", 5, "the stream")
            proxy.cut()
            procs.wait_until(lambda: source.migration_status() == "failed", 5, "the failure")
            procs.wait_until(lambda: destination.pid() is None, 5, "the destination to end")
            proxy.close()
            source.wait_beat()


class ClockTest(unittest.TestCase):
    """A beat that is lost or comes twice is seen."""

    def test_ticks(self):
        guest = TickGuest()
        guest.check(list(range(128)) + [0, 1])
        self.assertRaisesRegex(AssertionError, "damaged", guest.check, [0, 1, 255])
        self.assertRaisesRegex(AssertionError, "tick 2 came as 1", guest.check, [0, 1, 1])
        self.assertRaisesRegex(AssertionError, "tick 1 came as 2", guest.check, [0, 2])

    def test_heartbeats(self):
        LinuxGuest.check([0, 1, 2])
        self.assertRaisesRegex(AssertionError, "heartbeat 2 came as 3", LinuxGuest.check, [0, 1, 3])
        self.assertRaisesRegex(AssertionError, "heartbeat 2 came as 1", LinuxGuest.check, [0, 1, 1])
