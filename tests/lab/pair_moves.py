# SPDX-License-Identifier: LGPL-2.1-or-later
"""Between two VMs, each with its own kernel and driver: all that must move. `scripts/lab test --two`."""

import time

from . import vgpus
from .far_host import FarHost
from .two_hosts import PARENTS, GodwitCase

KIB = 1 << 10


class PairCase(GodwitCase):
    """The source is in this VM; the destination is the other."""

    apart = True

    def prefix(self, host):
        return []  # this VM is the source's host, all of it

    def pair(self, *kinds):
        self.hosts(kinds)
        code, output = self.run_vm()
        self.assertEqual(code, 0, output)
        self.target = FarHost()
        self.addCleanup(self.target.end)
        self.address = self.target.begin(kinds)


class Moves(PairCase):
    """After each the vRAM there is what it was here at the stop."""

    def move(self, *kinds, rate=0):
        free = vgpus.available(62, PARENTS["a"])
        self.pair(*kinds)
        self.assertEqual(self.target.driver_version(), vgpus.read("/sys/module/gwvgpu/version"))
        self.fill(rate)
        self.note()
        if rate:
            time.sleep(0.5)
        code, output, report = self.migrate()
        self.assertEqual(code, 0, output)
        self.assertEqual(report["vm_runs_on"], "destination")
        # Each kernel has its own names: the vGPUs keep theirs.
        self.assertEqual(self.target.uuids(), self.before)
        self.assert_moved()
        for name, checksum in self.sums().items():
            self.assertEqual(self.target.get(name, "load_checksum"), checksum)
        self.assertEqual(vgpus.available(62, PARENTS["a"]), free)
        self.assertEqual(self.target.status(), "running")
        self.assert_ticking(self.target)
        self.assert_whole()
        if rate:
            self.assert_goes_on()

    def assert_goes_on(self):
        """The GPUs compute there."""
        before = [self.target.get(name, "vram_checksum") for name in self.before]
        time.sleep(0.5)
        for name, checksum in zip(self.before, before):
            self.assertNotEqual(self.target.get(name, "vram_checksum"), checksum)

    def paused(self, *kinds):
        """Neither side has run since the stop, so RAM can be compared too."""
        self.pair(*kinds)
        self.fill(256 * KIB)
        self.note()
        code, output, report = self.migrate("--paused", "--keep-source")
        self.assertEqual(code, 0, output)
        self.assertEqual(report["plan"]["issues"], [])
        self.assertEqual(self.target.status(), "paused")
        self.assertEqual(self.source.status(), "postmigrate")
        self.assertEqual(self.target.ram_sum(), self.source.ram_sum())
        for name, checksum in self.sums().items():
            self.assertEqual(self.source.get(name, "vram_checksum"), checksum)
            self.assertEqual(self.target.get(name, "vram_checksum"), checksum)
        self.assertEqual(sorted(self.sums()), self.before)
        self.assert_whole()

    def test_one_idle(self):
        self.move(63)

    def test_one_being_written(self):
        self.move(63, rate=1024 * KIB)

    def test_two_idle(self):
        self.move(63, 62)

    def test_two_being_written(self):
        self.move(63, 62, rate=512 * KIB)

    def test_four_idle(self):
        self.move(62, 62, 62, 62)

    def test_four_being_written(self):
        self.move(62, 62, 62, 62, rate=256 * KIB)

    def test_one_paused(self):
        self.paused(63)

    def test_two_paused(self):
        self.paused(63, 62)

    def test_four_paused(self):
        self.paused(62, 62, 62, 62)
