# SPDX-License-Identifier: LGPL-2.1-or-later
"""Each fault of the driver, by Godwit: where the guest runs then, with what vRAM, and what is left over."""

import errno
import time

from tests.live import procs

from . import vgpus
from .qemu import PATIENCE_S
from .two_hosts import FAILED, INCOMPATIBLE, MIB, NO_CONVERGENCE, PARENTS, GodwitCase

# A vGPU in QEMU's words; 11.1 says its own name before.
NAME = "(qemu-system-x86_64: )?[-0-9a-f]{36}"
LOST = "source: QEMU has reset vGPU 'gpu0', what was in its vRAM is lost"


class FaultCase(GodwitCase):
    """One vGPU with its vRAM filled, unless a test says else."""

    downtime_limit = "8s"  # no test is about it, and a busy machine sends 1 MiB/s: without pre-copy that is 4 s

    def begin(self, *kinds):
        self.lab(*(kinds or (62,)))
        self.fill()
        self.note()
        self.gpu = self.before[0]

    def moves(self, *options):
        code, output, report = self.migrate(*options)
        self.assertEqual(code, 0, output)
        self.assertEqual(report["vm_runs_on"], "destination")
        self.assert_moved()
        self.assert_ticking(self.target)
        self.assert_whole()
        return report

    def stays(self, words, code=FAILED, vram=True, options=()):
        """The migration fails with CODE and WORDS, in which {gpu} is the first vGPU's UUID and {name} any one's,
        and the guest runs on the source."""
        done, output, report = self.migrate(*options)
        self.assertEqual(done, code, output)
        self.assertEqual(report["vm_runs_on"], "source")
        self.assertIn("gpu0", report["error"]["message"], "the device is not named")
        self.assertRegex(output, words.replace("{gpu}", self.gpu).replace("{name}", NAME))
        self.assert_stayed(vram, ran_there="came up blank" in output)
        return report


class Without(FaultCase):
    """Drivers that can do less, the same on both hosts."""

    def test_no_precopy(self):
        self.both_fault("no_precopy", 1)
        self.begin()
        self.moves()

    def test_no_p2p_with_one(self):
        self.both_fault("no_p2p", 1)
        self.begin()
        self.moves()

    def test_no_migration(self):
        """QEMU does not start at the destination; the reason is its own."""
        self.target_fault("no_migration", 1)
        self.begin()
        self.stays("cannot migrate vGPUs: use a driver.*id=gpu0.*migration is not supported in kernel", INCOMPATIBLE)

    def test_no_data_size(self):
        """A downtime limit that would do on a network which is not there: told before, and after."""
        self.both_fault("no_data_size", 1)
        self.begin()
        report = self.stays("not converged within .*the driver of vGPU 'gpu0' does not report how much remains",
                            NO_CONVERGENCE, options=("--timeout", "6s", "--downtime-limit", "10s"))
        self.assertEqual([(issue["severity"], issue["code"]) for issue in report["plan"]["issues"]],
                         [("warning", "vgpu-no-data-size")])

    def test_slow_read(self):
        self.begin()
        self.source.fault(self.gpu, "slow_read", 2 * MIB)
        begun = time.monotonic()
        self.moves()
        self.assertGreater(time.monotonic() - begun, 1.8)


class AtSource(FaultCase):
    """Faults of the source's vGPU."""

    def fault(self, words, **faults):
        self.begin()
        for name, value in faults.items():
            self.source.fault(self.gpu, name, value)
        self.stays(words)

    def test_arc_into_precopy(self):
        self.fault("{gpu}: Failed setting device state to PRE_COPY", fail_arc="running>pre-copy")
        self.assertEqual(self.source.get(self.gpu, "resets"), "1")

    def test_arc_into_precopy_p2p(self):
        """The first arc of the stop. QEMU recovers by a reset, and the guest goes on with a blank GPU, as in the
        next one."""
        self.begin()
        self.source.fault(self.gpu, "fail_arc", "pre-copy>pre-copy-p2p")
        self.stays("{gpu}: Failed setting device state to PRE_COPY_P2P.*%s" % LOST, vram=False)
        self.assertEqual(self.source.get(self.gpu, "resets"), "2")

    def test_arc_into_stop_copy(self):
        """QEMU recovers from a failed stop by a reset of the device: the guest goes on at the source, with a
        blank GPU. Nothing outside of QEMU can prevent that; nothing is leaked, and the failure is told."""
        self.begin()
        self.source.fault(self.gpu, "fail_arc", "pre-copy-p2p>stop-copy")
        self.stays("{gpu}: Failed setting device state to STOP_COPY.*%s" % LOST, vram=False)
        self.assertEqual(self.source.get(self.gpu, "resets"), "2")
        self.assertNotEqual(self.source.get(self.gpu, "vram_checksum"), self.checksums[0])

    def test_arc_out_of_stop_copy(self):
        """All has been sent by then: the guest goes on at the destination."""
        self.begin()
        self.source.fault(self.gpu, "fail_arc", "stop-copy>stop")
        self.moves()

    def test_read_error_in_precopy(self):
        self.fault("Input/output error.*0000:00:08.0/vfio.*\\(vGPU 'gpu0'\\)", after_bytes=MIB, read_error=errno.EIO)

    def test_read_error_in_stop_copy(self):
        """QEMU does not say of which device it was."""
        self.both_fault("no_precopy", 1)
        self.fault("Input/output error \\(perhaps vGPU 'gpu0': QEMU says so too when a driver", read_error=errno.EIO)

    def test_arc_on_the_way_back(self):
        """Refused there, and then the source's own driver fails as well: the guest runs here with a blank GPU, and
        is said to."""
        self.target_fault("refuse_image", 1)
        self.begin()
        self.source.fault(self.gpu, "fail_arc", "stop>running-p2p")
        self.stays("came up blank.*and then: " + LOST, vram=False)

    def test_no_migration(self):
        """There is nothing to migrate: QEMU does not start, and nothing that was made for it is left."""
        self.source_fault("no_migration", 1)
        self.hosts((62,))
        code, output = self.run_vm()
        self.assertEqual(code, FAILED, output)
        self.assertIn("migration is not supported in kernel", output)
        self.assertEqual(vgpus.all_uuids(), [])


class AtDestination(FaultCase):
    """Faults of the vGPU that the destination makes."""

    def fault(self, words, name, value, none=0):
        self.target_fault(name, value, none)
        self.begin()
        self.stays(words)

    def test_load_error(self):
        """QEMU 11.1 no longer names the device's section."""
        self.target_fault("after_bytes", MIB)
        self.fault("No space left.*(0000:00:08.0/vfio|Failed to load vmstate)", "load_error", errno.ENOSPC)

    def test_load_error_when_the_guest_is_stopped(self):
        """Nothing of the vGPU comes before."""
        self.both_fault("no_precopy", 1)
        self.fault("No space left.*(0000:00:08.0/vfio|Failed to load vmstate)", "load_error", errno.ENOSPC)

    def test_arc_into_resuming(self):
        self.fault("0000:00:08.0/vfio failed: .*Failed setting device state to RESUMING", "fail_arc",
                   "stop>resuming")

    def test_image_refused(self):
        """The commit hazard: QEMU would run the guest with a blank GPU; Godwit takes it back."""
        self.fault("came up blank: {name}: Failed.*Invalid argument", "refuse_image", 1)

    def test_image_of_another_driver(self):
        """Both hosts show one version, and the driver refuses the image for another all the same."""
        self.fault("came up blank: {name}: Failed", "driver_version", "1.0.7", "")

    def test_arc_out_of_resuming(self):
        self.fault("came up blank: {name}: Failed.*Input/output error", "fail_arc", "resuming>stop")

    def test_arc_into_running_p2p(self):
        self.fault("came up blank: {name}: Failed setting device state to RUNNING", "fail_arc", "stop>running-p2p")

    def test_arc_to_running(self):
        """The last arc of all, inside `cont`."""
        self.fault("came up blank: {name}: Failed setting device state to RUNNING", "fail_arc", "running-p2p>running")

    def test_image_refused_of_one_of_two(self):
        self.target_fault("refuse_image", 1)
        self.begin(62, 63)
        self.stays("came up blank: {name}: Failed")


class BlockedRemoval(FaultCase):
    """The kernel does not end a removal for as long as the driver wants. Godwit waits 10 s, then says so. The
    vGPU's name is gone from sysfs by then, but not the vGPU: its instance is still taken."""

    blocks_ms = 600000  # longer than the run may take

    def begin(self, host):
        self.all_free = vgpus.available(62, PARENTS[host])
        super().begin()
        self.host_fault(host, "block_remove", self.blocks_ms)

    def assert_taken(self, host, number):
        self.assertEqual(vgpus.available(62, PARENTS[host]), self.all_free - number)

    def unblock(self, host):
        vgpus.parent_fault(PARENTS[host], "block_remove", 0)
        procs.wait_until(lambda: vgpus.available(62, PARENTS[host]) == self.all_free, PATIENCE_S, "the removal")

    def test_at_the_source(self):
        """After a migration that worked: the guest runs there, and the journal remembers what is to remove."""
        self.begin("a")
        code, output, report = self.migrate()
        self.assertEqual(code, 0, output)
        self.assertEqual(report["vm_runs_on"], "destination")
        self.assertRegex(output, "left over +source: remove '%s'.*'godwit recover'" % self.gpu)
        self.assertIn(self.gpu, report["left_over"])
        self.assert_taken("a", 1)
        self.assertEqual(len(self.source.journals()), 1)
        self.assertFalse(self.source.has_qemu())
        self.unblock("a")
        code, output = self.source.recover()
        self.assertEqual(code, 0, output)
        self.assert_moved()

    def test_at_the_destination(self):
        """After one that failed: the guest runs here. The kernel ends by itself what it has begun."""
        self.fails_with("load_error", errno.ENOSPC)

    def test_at_the_destination_after_the_commit(self):
        """The source waits for no more than the proof that the guest does not run there."""
        self.fails_with("refuse_image", 1)

    def fails_with(self, fault, value):
        self.begin("b")
        self.target_fault(fault, value)
        code, output, report = self.migrate()
        self.assertEqual((code, report["vm_runs_on"]), (FAILED, "source"), output)
        self.assertRegex(output, "left over +destination: remove '[-0-9a-f]{36}'.*'godwit recover'")
        self.assert_taken("b", 1)
        # The agent tries a second time, and does not take the lost name for the end of it.
        self.stop_agent(self.agent)
        self.assertEqual(len(self.target.journals()), 1)
        self.unblock("b")
        code, output = self.target.recover()
        self.assertEqual(code, 0, output)
        self.assert_stayed(ran_there=fault == "refuse_image")
