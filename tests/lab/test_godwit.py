# SPDX-License-Identifier: LGPL-2.1-or-later
"""Godwit moves VMs with vGPUs in the lab: what works."""

import time

from tests.live import procs

from .qemu import PATIENCE_S
from .two_hosts import FAILED, MIB, GodwitCase


class MoveCase(GodwitCase):
    """A migration that works, from the start to the last look."""

    def move(self, *kinds, rate=0, options=(), **more):
        self.lab(*kinds, **more)
        self.fill(rate)
        self.note()
        self.assertEqual(len(self.before), len(kinds))
        if rate:
            time.sleep(0.5)
        code, output, self.report = self.migrate(*options)
        self.assertEqual(code, 0, output)
        self.assertEqual(self.report["vm_runs_on"], "destination")
        # The driver takes its image for its own when the guest is let run.
        self.assert_moved("vram_checksum" if "--paused" in options else "load_checksum")


class Moves(MoveCase):
    """Both hosts on loopback."""

    def test_one_idle(self):
        self.move(63)
        self.assertEqual(self.target.status(), "running")
        self.assert_ticking(self.target)
        self.assert_whole()

    def test_one_being_written(self):
        self.move(63, rate=MIB)
        uuid = self.target.uuids()[0]
        before = self.target.get(uuid, "vram_checksum")
        time.sleep(0.5)
        self.assertNotEqual(self.target.get(uuid, "vram_checksum"), before)

    def test_two_of_different_types(self):
        self.move(63, 62, rate=512 * 1024)

    def test_names_of_the_vm_file_do_not_matter(self):
        """At the destination the groups of the VM file are called as QEMU calls the other one each: the source
        knows them by QEMU's ids, and so each comes to its own."""
        self.move(63, 62, names_there=("gpu1", "gpu0"))
        self.assertEqual(sorted((entry["id"], entry["type"]) for entry in self.report["vgpus"]),
                         [("gpu0", "gwvgpu-63"), ("gpu1", "gwvgpu-62")])

    def test_two_over_multifd(self):
        self.move(63, 62, rate=512 * 1024, options=("--channels", "2"))

    def test_four(self):
        self.move(62, 62, 62, 62, rate=256 * 1024)

    def test_paused(self):
        self.move(63, options=("--paused",))
        self.assertEqual(self.target.status(), "paused")
        self.assertEqual([(issue["severity"], issue["code"], issue["host"], issue["subject"])
                          for issue in self.report["plan"]["issues"]],
                         [("warning", "vgpu-unproven", "destination", "gpu0")])


class StandsStill(MoveCase):
    """A guest that its user has paused moves. QEMU does not send its vGPU again before it has run: the driver takes its
    image only then. Godwit lets no guest run that stands still, and says what to do."""

    def moves_paused(self):
        code, output, report = self.migrate()
        self.assertEqual(code, 0, output)
        self.assertEqual(report["vm_runs_on"], "destination")
        self.assertEqual(self.target.status(), "paused")
        self.assert_moved("vram_checksum")
        self.assertEqual(self.target.ticks(), [])

    def test_moves_again_once_it_has_run(self):
        self.lab(63)
        self.fill()
        self.assert_ticking(self.source)
        self.source.command("stop")
        self.note()
        before = self.source.ticks()
        self.moves_paused()
        self.turn()
        self.note()
        code, output, report = self.migrate()
        self.assertEqual((code, report["vm_runs_on"]), (FAILED, "source"), output)
        self.assertRegex(output, "Invalid device state 4 .vGPU 'gpu0'.; the guest has not run since it came here")
        self.assertEqual(self.source.status(), "paused")
        self.assertEqual((self.target.uuids(), self.journals()), ([], []))
        self.assertEqual([self.source.get(name, "vram_checksum") for name in self.before], self.checksums)
        self.source.command("cont")
        self.source.command("stop")
        self.note()
        between = self.source.ticks()
        self.moves_paused()
        self.target.command("cont")
        procs.wait_until(lambda: len(self.target.ticks()) > 2, PATIENCE_S, "a tick")
        self.target.guest.check(before + between + self.target.ticks())


class Apart(MoveCase):
    """Each host has a network of its own: what goes between them is not on loopback."""

    apart = True

    def test_two(self):
        self.move(62, 63, rate=256 * 1024)
        self.assert_ticking(self.target)
        self.assert_whole()
