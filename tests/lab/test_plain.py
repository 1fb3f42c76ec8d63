# SPDX-License-Identifier: LGPL-2.1-or-later
"""What QEMU alone does with our vGPUs: the ground that Godwit stands on, good and bad."""

import errno
import os
import threading
import time

from tests.live import procs

from . import vgpus
from .cases import VgpuCase
from .qemu import PATIENCE_S, Machine, Move

MIB = 1 << 20


class PlainCase(VgpuCase):
    """Sources are of even parents, destinations of odd ones: the two hosts."""

    def pairs(self, *kinds):
        """Two lists of vGPUs of these types: the source's and the destination's."""
        return ([self.vgpu(kind, "gwvgpu0") for kind in kinds],
                [self.vgpu(kind, "gwvgpu1") for kind in kinds])

    def fill(self, sources, rate=0):
        for number, vgpu in enumerate(sources):
            vgpu.set("fill", 1000 + number)
            vgpu.set("dirty_rate", rate)

    def assert_arrived(self, move, sources, targets):
        """Each destination has its source's vRAM, and the guest goes on without a gap."""
        for source, target in zip(sources, targets):
            # QEMU tidies up after it has said `completed`.
            procs.wait_until(lambda source=source: source.get("migration_state") == "stop", PATIENCE_S,
                             "the source's vGPU to stop")
            self.assertEqual(source.get("vram_checksum"), source.get("stop_checksum"))
            self.assertEqual(target.get("vram_checksum"), source.get("stop_checksum"))
            self.assertNotEqual(target.number("used_bytes"), 0)
        move.resume()
        for source, target in zip(sources, targets):
            self.assertEqual(target.get("load_checksum"), source.get("stop_checksum"))
            self.assertEqual(target.number("resets"), 1)
            self.assertEqual(target.get("migration_state"), "running")
        move.check_ticks()

    def assert_back(self, move, sources, checksums):
        """The guest runs on the source again, with the vRAM that it had, reset by nobody."""
        # QEMU says `failed` before it lets the guest run again.
        procs.wait_until(lambda: move.source.qmp.status(PATIENCE_S) == "running", PATIENCE_S,
                         "the guest to run again")
        move.source.wait_ticking()
        for source, checksum in zip(sources, checksums):
            self.assertEqual(source.get("migration_state"), "running")
            self.assertEqual(source.get("vram_checksum"), checksum)
            self.assertEqual(source.number("resets"), 1)
        move.source.guest.check(move.source.ticks())


class Arrives(PlainCase):
    """Migrations that work."""

    def move(self, *kinds, rate=0, **parameters):
        sources, targets = self.pairs(*kinds)
        with Move(sources, targets) as move:
            self.fill(sources, rate)
            if rate:
                time.sleep(0.5)
            move.run(**parameters)
            self.assert_arrived(move, sources, targets)
            if rate:
                self.assert_goes_on(sources, targets)
            self.assertEqual(move.source.states()[-2:], ["stop-copy", "stop"])
            self.assertEqual(move.target.states()[-2:], ["running-p2p", "running"])
            return move.source.states()

    def assert_goes_on(self, sources, targets):
        """The GPUs compute at the destination, from where they were."""
        for source, target in zip(sources, targets):
            self.assertGreater(source.number("sent_bytes"), source.number("used_bytes"))
            before = target.get("vram_checksum")
            time.sleep(0.3)
            self.assertGreater(target.number("dirtied_bytes"), source.number("dirtied_bytes"))
            self.assertNotEqual(target.get("vram_checksum"), before)

    def test_one_idle(self):
        states = self.move(63)
        # QEMU 11 tells of one more, which is not the kernel's.
        self.assertEqual([state for state in states if state != "pre-copy-p2p-prepare"],
                         ["pre-copy", "pre-copy-p2p", "stop-copy", "stop"])

    def test_one_being_written(self):
        self.move(63, rate=1 * MIB)

    def test_two_of_different_types_idle(self):
        self.move(63, 62)

    def test_two_of_different_types_being_written(self):
        self.move(63, 62, rate=512 * 1024)

    def test_four(self):
        self.move(62, 62, 62, 62, rate=256 * 1024)

    def test_empty_vram(self):
        sources, targets = self.pairs(63)
        with Move(sources, targets) as move:
            move.run()
            self.assertEqual(targets[0].get("vram_checksum"), sources[0].get("stop_checksum"))
            self.assertLess(sources[0].number("sent_bytes"), 1024)

    @staticmethod
    def ram_is_sent(move):
        """Has the first pass ended? The guest itself keeps no more than a few pages dirty."""
        ram = move.source.qmp.command("query-migrate", PATIENCE_S).get("ram", {})
        return ram.get("transferred", 0) > 0 and ram["remaining"] < MIB

    def test_memory_written_by_the_gpu(self):
        """What a vGPU writes into guest memory during the pre-copy arrives: type1 tracks it."""
        sources, targets = self.pairs(62)
        page = 24 * MIB
        with Move(sources, targets) as move:
            move.prepare("switchover-ack", "pause-before-switchover")
            self.fill(sources)
            sources[0].fault("slow_read", MIB // 2)
            move.begin()
            procs.wait_until(lambda: self.ram_is_sent(move), PATIENCE_S, "the RAM's first pass")
            self.assertEqual(sources[0].get("migration_state"), "pre-copy")
            self.assertGreater(sources[0].number("remaining_bytes"), 0)
            sources[0].set("dma", "%d 165" % page)
            move.source.qmp.wait_event(lambda e: e["event"] == "MIGRATION"
                                       and e["data"]["status"] == "pre-switchover", PATIENCE_S)
            move.source.qmp.command("migrate-continue", PATIENCE_S, state="pre-switchover")
            self.assertEqual(move.wait_end(), "completed")
            move.wait_loaded()
            path = os.path.join(move.folder, "page")
            move.target.qmp.command("pmemsave", PATIENCE_S, val=page, size=4096, filename=path)
            with open(path, "rb") as file:
                self.assertEqual(file.read(), b"\xa5" * 4096)


class Without(PlainCase):
    """Drivers that can do less."""

    def lesser(self, name, value=1):
        for parent in ("gwvgpu0", "gwvgpu1"):
            vgpus.parent_fault(parent, name, value)
            self.addCleanup(vgpus.parent_fault, parent, name, 0)

    def test_no_precopy(self):
        self.lesser("no_precopy")
        sources, targets = self.pairs(62)
        with Move(sources, targets) as move:
            self.fill(sources)
            move.run()
            self.assert_arrived(move, sources, targets)
            self.assertEqual(move.source.states(), ["running-p2p", "stop", "stop-copy", "stop"])

    def test_no_p2p_one(self):
        self.lesser("no_p2p")
        sources, targets = self.pairs(62)
        with Move(sources, targets) as move:
            self.fill(sources)
            move.run()
            self.assert_arrived(move, sources, targets)
            self.assertEqual(move.target.states(), ["resuming", "running"])

    def refused_start(self, kinds, words):
        """A QEMU with such vGPUs does not start, and says WORDS."""
        sources, _ = self.pairs(*kinds)
        with self.assertRaises(AssertionError) as caught:
            with Move(sources, []):
                pass
        self.assertIn(words, str(caught.exception))

    def test_no_p2p_two(self):
        self.lesser("no_p2p")
        self.refused_start((62, 62), "Multiple VFIO devices migration is supported only if all of them support P2P")

    def test_no_migration(self):
        self.lesser("no_migration")
        self.refused_start((62,), "migration is not supported in kernel")

    def test_no_data_size(self):
        """QEMU assumes 100 GiB: nothing but an absurd limit ends such a migration."""
        self.lesser("no_data_size")
        sources, targets = self.pairs(62)
        with Move(sources, targets) as move:
            self.fill(sources)
            move.prepare(downtime_ms=5000)
            move.begin()
            time.sleep(4)
            self.assertEqual(move.source.qmp.command("query-migrate", PATIENCE_S)["status"], "active")
            move.source.qmp.command("migrate-set-parameters", PATIENCE_S, downtime_limit=2000000)
            self.assertEqual(move.wait_end(), "completed")
            move.wait_loaded()
            self.assert_arrived(move, sources, targets)

    def test_slow_read(self):
        sources, targets = self.pairs(62)
        with Move(sources, targets) as move:
            self.fill(sources)
            sources[0].fault("slow_read", 2 * MIB)
            begun = time.monotonic()
            move.run()
            self.assertGreater(time.monotonic() - begun, 1.8)
            self.assert_arrived(move, sources, targets)


class Breaks(PlainCase):
    """Faults in the middle, and where they leave the guest."""

    def setUp(self):
        super().setUp()
        self.sources, self.targets = self.pairs(62)

    def broken(self, move, **parameters):
        """Lets a migration fail; the checksum that the source had before."""
        self.fill(self.sources)
        checksum = self.sources[0].get("vram_checksum")
        move.prepare(**parameters)
        move.begin()
        self.assertEqual(move.wait_end(), "failed")
        return checksum

    def assert_recovers(self, fault, value):
        """The source has FAULT: the migration fails, and nothing is lost."""
        with Move(self.sources, self.targets) as move:
            self.sources[0].fault(fault, value)
            checksum = self.broken(move)
            self.assert_back(move, self.sources, [checksum])

    def test_arc_into_precopy(self):
        with Move(self.sources, self.targets) as move:
            self.fill(self.sources)
            checksum = self.sources[0].get("vram_checksum")
            self.sources[0].fault("fail_arc", "running>pre-copy")
            move.prepare()
            move.begin()
            self.assertEqual(move.wait_end(), "failed")
            self.assert_back(move, self.sources, [checksum])

    def test_arc_into_stop_copy(self):
        """QEMU's recovery from a failed stop is a reset: the guest goes on with a blank GPU."""
        with Move(self.sources, self.targets) as move:
            self.sources[0].fault("fail_arc", "pre-copy-p2p>stop-copy")
            checksum = self.broken(move)
            procs.wait_until(lambda: move.source.qmp.status(PATIENCE_S) == "running", PATIENCE_S,
                             "the guest to run again")
            self.assertEqual(self.sources[0].number("resets"), 2)
            self.assertNotEqual(self.sources[0].get("vram_checksum"), checksum)
            self.assertIn("Failed setting device state", move.source.process.err)

    def test_read_error_in_precopy(self):
        self.sources[0].fault("after_bytes", MIB)
        self.assert_recovers("read_error", errno.EIO)

    def test_read_error_in_stop_copy(self):
        vgpus.parent_fault("gwvgpu0", "no_precopy", 1)
        self.addCleanup(vgpus.parent_fault, "gwvgpu0", "no_precopy", 0)
        self.sources[0].fault("no_precopy", 1)
        self.assert_recovers("read_error", errno.EIO)

    def test_load_error(self):
        with Move(self.sources, self.targets) as move:
            self.targets[0].fault("after_bytes", MIB)
            self.targets[0].fault("load_error", errno.ENOSPC)
            checksum = self.broken(move)
            self.assert_back(move, self.sources, [checksum])
            self.assertNotEqual(move.target.process.wait(PATIENCE_S), 0)

    def assert_blank_guest(self, move, words):
        """The commit hazard: all say `completed`, and `cont` starts the guest with a blank GPU."""
        self.fill(self.sources)
        move.run()
        move.target.qmp.command("cont", PATIENCE_S)
        self.assertEqual(move.target.qmp.status(PATIENCE_S), "running")
        self.assertEqual(move.target.states(), ["resuming", "running"])
        self.assertIn(words, move.target.process.err)
        self.assertEqual(self.targets[0].number("used_bytes"), 0)
        self.assertEqual(self.targets[0].number("resets"), 2)
        # The source still has everything, and can go on.
        move.target.end()
        move.source.qmp.command("cont", PATIENCE_S)
        move.source.wait_ticking()
        self.assertEqual(self.sources[0].get("vram_checksum"), self.sources[0].get("stop_checksum"))
        self.assertEqual(self.sources[0].get("migration_state"), "running")

    def test_image_refused_at_the_end(self):
        with Move(self.sources, self.targets) as move:
            self.targets[0].fault("refuse_image", 1)
            self.assert_blank_guest(move, "Failed setting device state")

    def test_other_driver_version(self):
        with Move(self.sources, self.targets) as move:
            self.targets[0].fault("driver_version", "1.0.1")
            self.assert_blank_guest(move, "Failed setting device state")

    def test_cancel(self):
        with Move(self.sources, self.targets) as move:
            self.fill(self.sources)
            checksum = self.sources[0].get("vram_checksum")
            self.sources[0].fault("slow_read", MIB)
            move.prepare()
            move.begin()
            time.sleep(1)
            move.source.qmp.command("migrate_cancel", PATIENCE_S)
            move.source.qmp.wait_event(lambda e: e["event"] == "MIGRATION"
                                       and e["data"]["status"] == "cancelled", PATIENCE_S)
            self.assert_back(move, self.sources, [checksum])


class Machines(PlainCase):
    """QEMU and the devices around a migration."""

    def test_removal_waits_for_qemu(self):
        vgpu = self.vgpu(62)
        with Move([vgpu], []) as move:
            thread = threading.Thread(target=vgpu.remove)
            thread.start()
            self.addCleanup(thread.join)
            thread.join(1)
            self.assertTrue(thread.is_alive())
            move.source.wait_ticking()
        thread.join(15)
        self.assertFalse(thread.is_alive())
        self.assertEqual(vgpus.all_uuids(), [])

    def test_not_without_enable_migration(self):
        """With `auto` QEMU blocks an mdev that no dirty tracking covers."""
        vgpu = self.vgpu(62)
        with Move([], []) as move:
            machine = Machine(move.folder, "auto", [], options=[
                "-device", "vfio-pci,id=gpu0,sysfsdev=" + vgpu.path])
            move.machines.append(machine)
            machine.connect()
            reasons = machine.qmp.command("query-migrate", PATIENCE_S)["blocked-reasons"]
            self.assertIn("doesn't support device and IOMMU dirty tracking", reasons[0])
