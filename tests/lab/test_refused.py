# SPDX-License-Identifier: LGPL-2.1-or-later
"""What Godwit must find before anything is made: exit 3, with the reason, the host, the device and a remedy."""

import re
import uuid

from . import vgpus
from .two_hosts import INCOMPATIBLE, PARENTS, GodwitCase


class RefusedCase(GodwitCase):
    """The same from `migrate` and from `check`, with nothing touched by either."""

    def refused(self, code, host, subject, words, left=(), options=()):
        """CODE, HOST, SUBJECT: of the issue; the text must have WORDS. LEFT: vGPUs of the destination's that
        were there before."""
        self.note()
        done, output, report = self.migrate(*options)
        self.assertEqual(done, INCOMPATIBLE, output)
        self.assertEqual(report["outcome"], "incompatible")
        self.assertEqual(report["vm_runs_on"], "source")
        issues = [issue for issue in report["plan"]["issues"] if issue["code"] == code]
        self.assertNotEqual(issues, [], report["plan"]["issues"])
        self.assertEqual((issues[0]["host"], issues[0]["subject"]), (host, subject))
        self.assertTrue(issues[0].get("remedy"), issues[0])
        self.assert_told(output, issues[0], words)
        self.assert_untouched(left)
        done, output = self.check("--downtime-limit", "1s", *options)
        self.assertEqual(done, INCOMPATIBLE, output)
        self.assert_told(output, issues[0], words)
        self.assert_untouched(left)
        return issues

    def assert_told(self, output, issue, words):
        self.assertRegex(output, words)
        for part in (issue["text"], issue["subject"], issue["remedy"]):
            self.assertIn(part, output)

    def assert_untouched(self, left):
        made = [name for name in self.target.uuids() if name not in left]
        self.assertEqual(made, [])
        self.assertEqual([name for name in left if name not in vgpus.all_uuids()], [])
        self.assertEqual(self.source.uuids(), self.before)
        self.assertEqual([self.source.get(name, "vram_checksum") for name in self.before], self.checksums)
        self.assertEqual([self.source.get(name, "migration_state") for name in self.before],
                         ["running"] * len(self.before))
        self.assertEqual(self.source.status(), "running")
        self.assertFalse(self.target.has_qemu())
        self.assertEqual(self.journals(), [])
        self.assert_ticking(self.source)


class Vgpus(RefusedCase):
    """The vGPUs that the destination would have to make."""

    def test_no_such_type(self):
        self.lab(62, there=[99])
        self.refused("vgpu-type-missing", "destination", "gpu0", "no type 'gwvgpu-62'")

    def test_no_free_instance(self):
        self.lab(62)
        taken = []
        while vgpus.available(62, PARENTS["b"]) > 0:
            taken.append(self.vgpu(62, PARENTS["b"]).uuid)
        self.refused("vgpu-no-instance", "destination", "gpu0", "no instance of type 'gwvgpu-62'", taken)

    def test_uuid_of_another_type(self):
        taken = self.vgpu(63, PARENTS["b"]).uuid
        self.lab(62, uuids_there=[taken])
        self.refused("vgpu-uuid-taken", "destination", "gpu0", "type 'gwvgpu-63'", [taken])

    def test_number_differs(self):
        self.lab(62, 62, there=[62])
        self.refused("vgpu-count", "destination", "vGPUs", "2 at the source and 1")

    def test_address_in_the_guest_differs(self):
        self.lab(62, addr_there=9)
        self.refused("vgpu-address", "destination", "gpu0", "at 0000:00:09.0 in the guest")


class Flags(RefusedCase):
    """What the drivers can do, asked of them through the descriptors of both QEMUs."""

    def test_no_precopy_at_the_destination(self):
        self.target_fault("no_precopy", 1)
        self.lab(62)
        self.refused("vgpu-precopy-differs", "destination", "gpu0", "at the destination cannot copy while")

    def test_no_precopy_at_the_source(self):
        self.source_fault("no_precopy", 1)
        self.lab(62)
        self.refused("vgpu-precopy-differs", "source", "gpu0", "at the source cannot copy while")

    def test_no_precopy_of_the_second_of_two(self):
        """Of the same type, made by the same parent: each is asked by itself."""
        self.target_fault("no_precopy", 1)
        taken = self.vgpu(62, PARENTS["b"]).uuid
        vgpus.parent_fault(PARENTS["b"], "no_precopy", 0)
        self.lab(62, 62, uuids_there=[str(uuid.uuid4()), taken])
        issues = self.refused("vgpu-precopy-differs", "destination", "gpu1", "at the destination cannot copy", [taken])
        self.assertEqual([issue["subject"] for issue in issues], ["gpu1"])

    def test_no_data_size(self):
        """QEMU assumes 100 GiB, which no network sends within a second."""
        self.source_fault("no_data_size", 1)
        self.lab(62)
        self.refused("vgpu-no-data-size", "source", "gpu0", "QEMU assumes 100 GiB")


class Params(RefusedCase):
    """vgpu_params that make a vGPU stay where it is. They are set before QEMU opens it."""

    def of_source(self, name):
        vgpu = self.vgpu(62, PARENTS["a"])
        vgpu.set("vgpu_params", "frame_rate_limiter=0,%s=1" % name)
        self.lab(62, uuids=[vgpu.uuid])
        self.refused("vgpu-params", "source", "gpu0", "at the source: .*" + name)

    def test_enable_uvm(self):
        self.of_source("enable_uvm")

    def test_enable_debugging(self):
        self.of_source("enable_debugging")

    def test_enable_profiling(self):
        self.of_source("enable_profiling")

    def test_at_the_destination(self):
        vgpu = self.vgpu(62, PARENTS["b"])
        vgpu.set("vgpu_params", "enable_uvm=1")
        self.lab(62, uuids_there=[vgpu.uuid])
        self.refused("vgpu-params", "destination", "gpu0", "at the destination: .*enable_uvm", [vgpu.uuid])

    def test_harmless_one(self):
        """The same with nothing forbidden moves: it is the word that counts, not the file."""
        vgpu = self.vgpu(62, PARENTS["a"])
        vgpu.set("vgpu_params", "enable_uvm=0,frame_rate_limiter=0")
        self.lab(62, uuids=[vgpu.uuid])
        self.note()
        code, output, _ = self.migrate()
        self.assertEqual(code, 0, output)
        self.assert_moved()


class Drivers(RefusedCase):
    """Two hosts with drivers of their own."""

    apart = True
    versions = {"b": "1.0.9"}

    def test_versions_differ(self):
        self.lab(62)
        self.refused("vgpu-driver-version", "destination", "gpu0",
                     r"'%s' on the source and '1\.0\.9' on the destination"
                     % re.escape(vgpus.read("/sys/module/gwvgpu/version")))


class Machines(RefusedCase):
    """What the QEMUs have besides."""

    # The vGPUs' bus goes around the IOMMU: else no QEMU would start with both.
    around = ("-machine", "default-bus-bypass-iommu=on")

    def viommu(self, name, properties="", here=True, there=True):
        options = (*self.around, "-device", name + properties)
        self.lab(62, options=options if here else (), options_there=options if there else ())
        self.refused("viommu", "source" if here else "destination", name, "virtual IOMMU .'%s'" % name)

    def test_intel_iommu(self):
        self.viommu("intel-iommu", ",caching-mode=on")

    def test_virtio_iommu(self):
        self.viommu("virtio-iommu-pci")

    def test_amd_iommu(self):
        self.viommu("amd-iommu")

    def test_intel_iommu_at_the_destination_only(self):
        self.viommu("intel-iommu", ",caching-mode=on", here=False)

    def test_virtio_iommu_at_the_destination_only(self):
        self.viommu("virtio-iommu-pci", here=False)

    def test_amd_iommu_at_the_destination_only(self):
        self.viommu("amd-iommu", here=False)

    def test_iommu_over_the_vgpu(self):
        """QEMU itself would not start with enable-migration=on."""
        self.lab(62, options=("-device", "intel-iommu,caching-mode=on"), migration="auto")
        self.refused("viommu", "source", "intel-iommu", "virtual IOMMU .'intel-iommu'")

    def test_post_copy_is_asked_for(self):
        self.lab(62)
        self.refused("capability-conflict", "both", "postcopy-ram", "postcopy-ram.*is not available",
                     options=("--capability", "postcopy-ram"))

    def test_post_copy_is_on(self):
        self.lab(62)
        self.source.command("migrate-set-capabilities",
                            capabilities=[{"capability": "postcopy-ram", "state": True}])
        self.refused("refused-capability", "source", "postcopy-ram", "postcopy-ram.*switched on")

    def test_post_copy_is_on_at_the_destination(self):
        self.lab(62, options_there=("-global", "migration.x-postcopy-ram=on"))
        self.refused("refused-capability", "destination", "postcopy-ram", "postcopy-ram.*switched on")

    def test_migration_is_not_enabled(self):
        """Without enable-migration=on QEMU has a reason of its own, which is passed on."""
        self.lab(62, migration="auto")
        self.refused("blocked", "source", "guest", "dirty tracking")

    def test_same_uuid_twice(self):
        """A VM file that wants one vGPU as two."""
        name = str(uuid.uuid4())
        self.lab(62, 62, uuids_there=[name, name])
        self.note()
        code, output, _ = self.migrate()
        self.assertNotEqual(code, 0, output)
        self.assert_stayed()


class OldQemu(RefusedCase):
    """QEMU 7.2 speaks an interface of VFIO's that no kernel of today has. The machine is the same to all."""

    machine = ("-machine", "pc-q35-7.2")

    def refused_old(self, host):
        self.lab(62, options=self.machine, old=host)
        where = {"a": "source", "b": "destination"}[host]
        self.refused("vfio-migration", where, "QEMU", "vfio-pci cannot migrate")

    def test_at_the_source(self):
        self.refused_old("a")

    def test_at_the_destination(self):
        self.refused_old("b")


class Late(RefusedCase):
    """What only the attempt shows, at the destination: exit 3 all the same, and what was made is gone."""

    def refused_late(self, words, left=()):
        self.note()
        for done, output in (self.migrate()[:2], self.check()):
            self.assertEqual(done, INCOMPATIBLE, output)
            self.assertRegex(output, "destination: ")
            self.assertRegex(output, words)
            self.assert_untouched(left)

    def test_one_free_instance_for_two(self):
        """Each alone would fit."""
        self.lab(62, 62)
        taken = []
        while vgpus.available(62, PARENTS["b"]) > 1:
            taken.append(self.vgpu(62, PARENTS["b"]).uuid)
        self.refused_late("vGPU 'gpu1': no instance of type 'gwvgpu-62' is free.*remove a vGPU there", taken)

    def test_no_p2p_with_two(self):
        self.target_fault("no_p2p", 1)
        self.lab(62, 62)
        self.refused_late("no P2P support.*give the VM one vGPU only.*id=gpu1")

    def test_no_p2p_with_two_at_the_source(self):
        """There is nothing to refuse: QEMU does not start, and nothing that was made for it is left."""
        self.source_fault("no_p2p", 1)
        self.hosts((62, 62))
        code, output = self.run_vm()
        self.assertEqual(code, 1, output)
        self.assertIn("P2P", output)
        self.assertEqual(vgpus.all_uuids(), [])
