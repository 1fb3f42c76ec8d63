# SPDX-License-Identifier: LGPL-2.1-or-later
"""Disks and what hangs on them, with real QEMUs: what both hosts have is known, and what would be lost is told."""

import os
import subprocess
import time
import unittest

from . import env, procs
from .check import CheckLab, codes_of
from .lab import FAILED, INCOMPATIBLE, USAGE
from .procs import Process
from .side import BOOT_ID

PAIRS = ("old_to_old", "new_to_new")
MIB = 1 << 20


def make_file(path, mib=1, byte=b"\0"):
    with open(path, "wb") as file:
        file.write(byte * (mib * MIB))
    return path


def drive(path, more=""):
    return ["-drive", "file=%s,format=raw,if=none,id=data,node-name=nd%s" % (path, more),
            "-device", "virtio-blk-pci,drive=data,id=vd0,addr=1d.0,share-rw=on"]


class DiskLab(CheckLab):
    """A disk at each end; both QEMUs run, the destination's waits."""

    def __init__(self, label, pair, source, destination=None):
        super().__init__(label, pair)
        self.options = (source, destination if destination is not None else source)

    def __enter__(self):
        super().__enter__()
        for side, options in zip((self.source, self.destination), self.options):
            side.extra = [word.replace("DIR", self.folder) for word in options]
            side.write_vm_file()
        return self

    def file(self, name):
        return os.path.join(self.folder, name)

    def start(self):
        self.start_source()
        self.start_waiting_destination()

    def start_on_another_host(self):
        """An agent whose host has been started at another time, for all it can see."""
        boot = self.file("boot_id")
        with open(boot, "w", encoding="utf-8") as file:
            file.write("12345678-9abc-4def-8123-456789abcdef\n")
        self.start_source()
        self.destination.start_plainly("-S", "-incoming", "defer")
        self.agent = Process(
            ["unshare", "-m", "sh", "-c", 'mount --bind "$0" %s && exec "$@"' % BOOT_ID, boot,
             env.binary("godwit"), "receive", "--listen", "127.0.0.1:0", "--qmp", self.destination.qmp_path,
             "--state-dir", self.destination.state_dir], self.file("agent"))
        self._note_port()

    @staticmethod
    def write(side, drive_id="data"):
        """As the guest would."""
        side.command("human-monitor-command", command_line='qemu-io %s "write -P 0x5a 0 64k"' % drive_id)

    def found(self, severity, *options):
        code, plan = self.check(*options)
        found = codes_of(plan, severity)
        if severity == "error" and (code == INCOMPATIBLE) != bool(found):
            raise AssertionError("exit code %d with %s" % (code, found))
        return found, plan


class DiskCase(unittest.TestCase):
    def expect(self, lab, errors, warnings=(), options=()):
        found, plan = lab.found("error", *options)
        self.assertEqual(found, sorted(errors), plan["issues"])
        self.assertEqual(codes_of(plan, "warning"), sorted(warnings), plan["issues"])
        return plan


class IdentityTest(DiskCase):
    """Which disk it is."""

    def image(self, pair):
        """Another file, the same one, and one that was replaced under the QEMU that runs."""
        with DiskLab(self.id(), pair, drive("DIR/a.img")) as lab:
            make_file(lab.file("a.img"))
            lab.start_source()
            process = lab.start_waiting_destination()
            self.expect(lab, [])
            lab.end_waiting_destination(process)
            os.rename(make_file(lab.file("new.img")), lab.file("a.img"))
            process = lab.start_waiting_destination()
            self.expect(lab, ["disk-not-shared", "disk-temporary"])
            lab.end_waiting_destination(process)

    def devices(self, pair):
        """Each end has a block device of the same size."""
        with DiskLab(self.id(), pair, []) as lab:
            loops = []
            try:
                for side in (lab.source, lab.destination):
                    loop = subprocess.run(
                        ["losetup", "-f", "--show", make_file(side.folder + "/lv")],
                        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False)
                    if loop.returncode != 0:
                        self.skipTest("no loop devices here")
                    loops.append(loop.stdout.strip())
                    side.extra = drive(loops[-1])
                    side.write_vm_file()
                lab.start()
                self.expect(lab, ["disk-not-shared"])
                self.expect(lab, ["disk-not-shared"], ["allowed-nothing"], ("--allow", "disk-not-shared:other"))
                self.expect(lab, [], ["disk-not-shared"], ("--allow", "disk-not-shared:vd0"))
                self.assertEqual(self.usage(lab, "--allow", "disk-not-shared"), USAGE)
            finally:
                for side in (lab.source, lab.destination):
                    side.end()
                for loop in loops:
                    subprocess.run(["losetup", "-d", loop], check=False)

    @staticmethod
    def usage(lab, *options):
        return lab.godwit("check", "--vm", lab.source.vm_file, "--to", lab.to, "--state-dir",
                          lab.source.state_dir, *options)[0]

    def marks(self, pair):
        """Two hosts by their boot ids: only the mark beside the image tells that both have the same folder."""
        if os.geteuid() != 0:
            self.skipTest("needs root, to give the agent another boot id")
        with DiskLab(self.id(), pair, drive("DIR/shared/a.img")) as lab:
            os.mkdir(lab.file("shared"))
            make_file(lab.file("shared/a.img"))
            lab.start_on_another_host()
            # Its own image is found by a mark too; the guest's, which is only read, by its contents.
            self.expect(lab, [])
            self.assertEqual(os.listdir(lab.file("shared")), ["a.img"])
            lab.stop_agent()

    def marks_elsewhere(self, pair):
        """The same names on both hosts, but not the same folder."""
        if os.geteuid() != 0:
            self.skipTest("needs root, to give the agent another boot id")
        with DiskLab(self.id(), pair, drive("DIR/x/a.img"), drive("DIR/y/a.img")) as lab:
            for name in "xy":
                os.mkdir(lab.file(name))
                make_file(lab.file(name + "/a.img"))
            lab.start_on_another_host()
            self.expect(lab, ["disk-not-shared"])

    def media(self, pair):
        """Copies of a medium are as good as the same one; another medium is not."""
        with DiskLab(self.id(), pair, ["-cdrom", "DIR/1.iso"], ["-cdrom", "DIR/2.iso"]) as lab:
            for name in ("1.iso", "2.iso"):
                make_file(lab.file(name))
            lab.start()
            self.expect(lab, [])
            make_file(lab.file("2.iso"), byte=b"x")
            self.expect(lab, ["disk-medium"])

    def flash(self, pair):
        """QEMU sends what is in a flash, so each host may have its own file."""
        with DiskLab(self.id(), pair, ["-drive", "if=pflash,unit=0,format=raw,file=DIR/a.fd"],
                     ["-drive", "if=pflash,unit=0,format=raw,file=DIR/b.fd"]) as lab:
            for name in ("a.fd", "b.fd"):
                self.copy_bios(lab.file(name))
            lab.start()
            self.expect(lab, [])

    def copy_bios(self, path):
        for bios in ("/usr/share/seabios/bios-256k.bin", "/usr/share/qemu/bios-256k.bin"):
            if os.path.exists(bios):
                with open(bios, "rb") as file, open(path, "wb") as copy:
                    copy.write(file.read())
                return
        self.skipTest("no BIOS that could be a flash's contents")


class LossTest(DiskCase):
    """What would not come along."""

    def temporary(self, pair):
        """Nothing is lost of a guest with snapshot=on before it writes; then all of that is."""
        with DiskLab(self.id(), pair, drive("DIR/a.img", ",snapshot=on")) as lab:
            make_file(lab.file("a.img"))
            lab.start()
            self.expect(lab, [])
            lab.write(lab.source)
            self.expect(lab, ["disk-temporary"])
            self.expect(lab, [], ["disk-temporary"], ("--allow", "disk-temporary:vd0"))

    def temporary_there(self, pair):
        with DiskLab(self.id(), pair, drive("DIR/a.img"), drive("DIR/a.img", ",snapshot=on")) as lab:
            make_file(lab.file("a.img"))
            lab.start()
            self.expect(lab, ["disk-temporary"])

    def overlay(self, pair):
        """A backup tool has left an external snapshot."""
        with DiskLab(self.id(), pair, drive("DIR/a.img")) as lab:
            make_file(lab.file("a.img"))
            lab.start_source()
            lab.source.command("blockdev-snapshot-sync", node_name="nd", snapshot_file=lab.file("over.qcow2"),
                               format="qcow2", snapshot_node_name="over")
            lab.start_waiting_destination()
            plan = self.expect(lab, ["disk-format", "disk-overlay"])
            self.assertIn("a.img", plan["issues"][0]["text"])

    def settings(self, pair):
        """I/O limits, and a bitmap in memory: told, and the bitmap comes along where that is asked for."""
        with DiskLab(self.id(), pair, drive("DIR/a.img")) as lab:
            make_file(lab.file("a.img"))
            lab.start()
            lab.source.command("human-monitor-command",
                               command_line="block_set_io_throttle data 0 0 0 100 0 0")
            lab.source.command("block-dirty-bitmap-add", node="nd", name="backup0")
            self.expect(lab, [], ["disk-bitmap", "disk-limits"])
            self.expect(lab, [], ["disk-limits"], ("--capability", "dirty-bitmaps"))
            lab.migrate("--capability", "dirty-bitmaps")
            bitmaps = [bitmap["name"] for disk in lab.destination.command("query-block")
                       for bitmap in disk.get("inserted", {}).get("dirty-bitmaps", [])]
            self.assertEqual(bitmaps, ["backup0"])

    def memory(self, pair):
        """One file is the memory of both: who loads writes over the guest that runs."""
        memory = ["-object", "memory-backend-file,id=m1,size=1M,mem-path=DIR/mem,share=on"]
        with DiskLab(self.id(), pair, memory) as lab:
            make_file(lab.file("mem"))
            lab.start()
            self.expect(lab, ["memory-shared"])

    @staticmethod
    def export(side):
        side.command("nbd-server-start", addr={"type": "unix", "data": {"path": side.folder + "/nbd"}})
        side.command("block-export-add", type="nbd", id="e0", node_name="nd", name="x", writable=True)

    def exports(self, pair):
        """A backup by NBD: found by a check, and when it begins in mid-move."""
        with DiskLab(self.id(), pair, drive("DIR/a.img")) as lab:
            make_file(lab.file("a.img"))
            lab.start()
            self.export(lab.source)
            self.expect(lab, ["export"])
            self.expect(lab, [], ["export"], ("--allow", "export:e0"))
            lab.source.command("nbd-server-stop")
            self.expect(lab, [])
            migrate = lab.start_migrate("--bandwidth", "32MiB")
            procs.wait_until(lambda: lab.source.migration_status() == "active", 20, "pre-copy")
            self.export(lab.source)
            self.assertEqual(migrate.wait(60), FAILED)
            self.assertIn("export 'e0 (nbd)' began", migrate.out + migrate.err)
            lab.source.wait_status("running")
            time.sleep(0.2)
            self.assertEqual(lab.source.status(), "running")


def add_tests():
    """One test a pair: each by a name of its own."""
    for group, names in ((IdentityTest, ("image", "devices", "marks", "marks_elsewhere", "media", "flash")),
                         (LossTest, ("temporary", "temporary_there", "overlay", "settings", "memory", "exports"))):
        for name in names:
            for pair in PAIRS:
                setattr(group, "test_%s_%s" % (name, pair),
                        lambda self, name=name, pair=pair: getattr(self, name)(pair))


add_tests()
