# SPDX-License-Identifier: LGPL-2.1-or-later
"""Godwit moves VMs with vGPUs in the lab: two hosts in one kernel, one with the even parents, one with the odd."""

import json
import os
import shutil
import subprocess
import tempfile
import time

from tests.live import guests, procs
from tests.live.qmp import Qmp

from . import vgpus
from .cases import VgpuCase
from .qemu import PATIENCE_S, QEMU

MIB = 1 << 20
BUILD = os.environ["GODWIT_BUILD"]
# Kept by the hook in the last moment in which the source's vGPUs are there and stopped.
SUMS_HOOK = ('[ "$GODWIT_PHASE" != commit ] || for d in /sys/bus/mdev/devices/*; do '
             'echo "$(basename $d) $(cat $d/gwvgpu/stop_checksum)"; done > %s/sums')


def godwit(*arguments, timeout_s=180):
    """(exit code, output): of the command line."""
    done = subprocess.run([BUILD + "/tools/godwit", *arguments], capture_output=True, text=True,
                          timeout=timeout_s, check=False)
    return done.returncode, done.stdout + done.stderr


class Host:
    """One of the two: its folder, its VM file, its parents."""

    def __init__(self, folder, name, parents, kinds, options=(), migration="on"):
        self.folder = os.path.join(folder, name)
        self.state = self.folder + "/state"
        self.parents = parents
        os.makedirs(self.state)
        self.guest = guests.TickGuest(ram_mib=32, pages=2048, dirty=4, interval_us=20000)
        self.guest.prepare(self.folder)
        self.vm = self.folder + "/vm/lab.vm"
        os.mkdir(self.folder + "/vm")
        self.write_vm(kinds, options, migration)

    def write_vm(self, kinds, options, migration):
        argv = [QEMU, "-name", "lab", "-machine", "q35", "-accel", "tcg", "-nodefaults",
                "-no-user-config", "-display", "none", "-boot", "strict=on",
                "-qmp", "unix:${qmp},server=on,wait=off",
                "-qmp", "unix:%s/look,server=on,wait=off" % self.folder]
        argv += self.guest.options(self.folder, self.folder + "/clock")
        argv += list(options)
        groups = ""
        for number, kind in enumerate(kinds):
            argv += ["-device", "vfio-pci,id=gpu%d,addr=%d,sysfsdev=${gpu%d},enable-migration=%s,"
                     "migration-events=on" % (number, 8 + number, number, migration)]
            groups += "[vgpu gpu%d]\ntype=gwvgpu-%d\nparent=%s\n" % (
                number, kind, self.parents[number % len(self.parents)])
        with open(self.vm, "w", encoding="ascii") as file:
            file.write("[vm]\nname=lab\nqmp=%s/qmp\nargv=%s\n%s" % (self.folder, " ".join(argv), groups))

    def uuids(self):
        """Of the vGPUs on this host's parents."""
        return [name for name in vgpus.all_uuids()
                if os.path.basename(os.path.dirname(os.path.realpath(
                    os.path.join(vgpus.DEVICES, name)))) in self.parents]

    def get(self, uuid, name):
        return vgpus.read(vgpus.DEVICES, uuid, "gwvgpu", name)

    def set(self, uuid, name, value):
        vgpus.write(value, vgpus.DEVICES, uuid, "gwvgpu", name)

    def fault(self, uuid, name, value):
        vgpus.write(value, vgpus.DEVICES, uuid, "fault", name)

    def status(self):
        look = Qmp(self.folder + "/look", PATIENCE_S)
        try:
            return look.status(PATIENCE_S)
        finally:
            look.close()

    def has_qemu(self):
        return os.path.exists(self.folder + "/look") and bool(procs.mentioning(self.folder + "/qmp"))

    def end_qemu(self):
        for pid in procs.mentioning(self.folder + "/qmp"):
            procs.kill_and_wait(pid)


class GodwitCase(VgpuCase):
    """A source host with a running VM, a destination host with an agent."""

    def lab(self, *kinds, destination_kinds=None, options=(), migration="on"):
        self.folder = tempfile.mkdtemp(prefix="gw-")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.source = Host(self.folder, "a", ["gwvgpu0"], kinds, options, migration)
        self.target = Host(self.folder, "b", ["gwvgpu1"],
                           kinds if destination_kinds is None else destination_kinds,
                           options, migration)
        for host in (self.source, self.target):
            self.addCleanup(host.end_qemu)
        code, output = godwit("run", self.source.vm, "--state-dir", self.source.state)
        self.assertEqual(code, 0, output)
        self.agent = procs.Process(
            [BUILD + "/tools/godwitd", "--listen", "127.0.0.1:0", "--vm-dir", self.target.folder + "/vm",
             "--state-dir", self.target.state], self.folder + "/agent")
        self.addCleanup(self.stop_agent)
        procs.wait_until(lambda: "listening on" in self.agent.out, PATIENCE_S, "the agent")
        self.address = self.agent.out.split("listening on ")[1].split()[0]

    def stop_agent(self):
        if self.agent.is_alive():
            self.agent.signal(15)
            self.agent.wait(PATIENCE_S)

    def fill(self, rate=0):
        for number, uuid in enumerate(sorted(self.source.uuids())):
            self.source.set(uuid, "fill", 1000 + number)
            self.source.set(uuid, "dirty_rate", rate)

    def migrate(self, *options):
        report = self.folder + "/report.json"
        code, output = godwit(
            "migrate", "--vm", self.source.vm, "--to", self.address, "--state-dir", self.source.state,
            "--downtime-limit", "1s", "--hook", SUMS_HOOK % self.folder, "--report", report,
            "--progress", "none", *options)
        with open(report, encoding="utf-8") as file:
            return code, output, json.load(file)

    def sums(self):
        with open(self.folder + "/sums", encoding="ascii") as file:
            return dict(line.split() for line in file)

    def journals(self):
        return [name for host in (self.source, self.target) for name in os.listdir(host.state)
                if name.endswith((".source", ".destination"))]

    def assert_moved(self, before, checksum="load_checksum"):
        """The guest is there, each vGPU with what the source's had at its stop; the source's are gone."""
        self.assertEqual(self.source.uuids(), [])
        self.assertEqual(len(self.target.uuids()), len(before))
        sums = self.sums()
        self.assertEqual(sorted(self.target.get(uuid, checksum) for uuid in self.target.uuids()),
                         sorted(sums[uuid] for uuid in before))
        self.assertEqual(self.journals(), [])

    def assert_stayed(self, before, checksums):
        """The guest runs on the source with its vGPUs as they were, and nothing is left on the other host."""
        self.assertEqual(self.source.status(), "running")
        self.assertEqual(sorted(self.source.uuids()), before)
        self.assertEqual(self.target.uuids(), [])
        self.assertFalse(self.target.has_qemu())
        self.assertEqual([self.source.get(uuid, "vram_checksum") for uuid in before], checksums)
        self.assertEqual(self.journals(), [])


class Moves(GodwitCase):
    """Migrations that work."""

    def move(self, *kinds, rate=0, options=()):
        self.lab(*kinds)
        self.fill(rate)
        before = sorted(self.source.uuids())
        self.assertEqual(len(before), len(kinds))
        if rate:
            time.sleep(0.5)
        code, output, report = self.migrate(*options)
        self.assertEqual(code, 0, output)
        self.assertEqual(report["vm_runs_on"], "destination")
        # The driver takes its image for its own when the guest is let run.
        self.assert_moved(before, "vram_checksum" if "--paused" in options else "load_checksum")
        return report

    def test_one_idle(self):
        self.move(63)
        self.assertEqual(self.target.status(), "running")

    def test_one_being_written(self):
        self.move(63, rate=MIB)
        uuid = self.target.uuids()[0]
        before = self.target.get(uuid, "vram_checksum")
        time.sleep(0.5)
        self.assertNotEqual(self.target.get(uuid, "vram_checksum"), before)

    def test_two_of_different_types(self):
        self.move(63, 62, rate=512 * 1024)

    def test_four(self):
        self.move(62, 62, 62, 62, rate=256 * 1024)

    def test_paused(self):
        self.move(63, options=("--paused",))
        self.assertEqual(self.target.status(), "paused")


class Refused(GodwitCase):
    """What must be found before anything is made: exit 3."""

    def refused(self, words):
        before = sorted(self.source.uuids())
        checksums = [self.source.get(uuid, "vram_checksum") for uuid in before]
        code, output, _ = self.migrate()
        self.assertEqual(code, 3, output)
        self.assertRegex(output, words)
        self.assert_stayed(before, checksums)
        code, output = godwit("check", "--vm", self.source.vm, "--to", self.address,
                              "--state-dir", self.source.state)
        self.assertEqual(code, 3, output)
        self.assertRegex(output, words)
        self.assert_stayed(before, checksums)

    def test_no_such_type(self):
        self.lab(62, destination_kinds=[99])
        self.refused("vgpu-type-missing")

    def test_no_free_instance(self):
        self.lab(62)
        taken = []
        while vgpus.available(62, "gwvgpu1") > 0:
            taken.append(self.vgpu(62, "gwvgpu1"))
        code, output, _ = self.migrate()
        self.assertEqual(code, 3, output)
        self.assertRegex(output, "instance")
        self.assertEqual(len(self.target.uuids()), len(taken))
        self.assertEqual(self.source.status(), "running")

    def test_number_differs(self):
        self.lab(62, 62, destination_kinds=[62])
        self.refused("2 vGPUs at the source and 1")

    def test_viommu(self):
        """With enable-migration=on QEMU itself would not start."""
        self.lab(62, options=("-device", "intel-iommu,caching-mode=on"), migration="auto")
        self.refused("virtual IOMMU .'intel-iommu'")

    def test_post_copy_is_on(self):
        self.lab(62)
        look = Qmp(self.source.folder + "/look", PATIENCE_S)
        look.command("migrate-set-capabilities", PATIENCE_S,
                     capabilities=[{"capability": "postcopy-ram", "state": True}])
        look.close()
        self.refused("postcopy-ram")


class Breaks(GodwitCase):
    """Faults of the driver: the guest runs where the rules say, its vRAM whole, no vGPU left over."""

    def broken(self, words):
        self.fill()
        before = sorted(self.source.uuids())
        checksums = [self.source.get(uuid, "vram_checksum") for uuid in before]
        code, output, report = self.migrate()
        self.assertEqual(code, 1, output)
        self.assertEqual(report["vm_runs_on"], "source")
        self.assertRegex(output, words)
        self.assert_stayed(before, checksums)

    def target_fault(self, name, value):
        vgpus.parent_fault("gwvgpu1", name, value)
        self.addCleanup(vgpus.parent_fault, "gwvgpu1", name, 0)

    def test_read_error(self):
        self.lab(62)
        uuid = self.source.uuids()[0]
        self.source.fault(uuid, "after_bytes", MIB)
        self.source.fault(uuid, "read_error", 5)
        self.broken("Input/output error")

    def test_load_error(self):
        self.target_fault("after_bytes", MIB)
        self.target_fault("load_error", 28)
        self.lab(62)
        self.broken("gpu0")

    def test_image_refused(self):
        """The commit hazard: QEMU would run the guest with a blank GPU; Godwit takes it back."""
        self.target_fault("refuse_image", 1)
        self.lab(62)
        self.broken("blank")

    def test_agent_killed(self):
        """What it has made is taken away by the next one."""
        self.lab(62)
        self.fill()
        before = sorted(self.source.uuids())
        checksums = [self.source.get(uuid, "vram_checksum") for uuid in before]
        kill = '[ "$GODWIT_PHASE" != switchover ] || kill -9 %d' % self.agent.pid
        code, output = godwit("migrate", "--vm", self.source.vm, "--to", self.address, "--state-dir",
                              self.source.state, "--hook", kill, "--progress", "none")
        self.assertEqual(code, 1, output)
        self.assertNotEqual(self.target.uuids(), [])
        code, output = godwit("recover", "--state-dir", self.target.state)
        self.assertEqual(code, 0, output)
        self.assert_stayed(before, checksums)
