# SPDX-License-Identifier: LGPL-2.1-or-later
"""Pairs of QEMUs that differ in one thing, and `godwit check` on them."""

import json
import os
import re

from .lab import Lab
from .side import quit_politely

# Every version to every other, with a machine type that both know.
PAIRS = {
    "old_to_old": ("7.2", "7.2", "pc-q35-7.2"),
    "old_to_new": ("7.2", "10.0", "pc-q35-7.2"),
    "new_to_old": ("10.0", "7.2", "pc-q35-7.2"),
    "new_to_new": ("10.0", "10.0", "pc-q35-10.0"),
    "pc_old_to_new": ("7.2", "10.0", "pc-i440fx-7.2"),
    "pc_new_to_new": ("10.0", "10.0", "pc-i440fx-10.0"),
}

# A VM of many kinds of devices; only what both boards have.
DEVICES = """-device VGA,id=vga,addr=10 -device qemu-xhci,id=usb,addr=11 -device usb-tablet,id=tab
-device usb-hub,bus=usb.0,port=2 -netdev hubport,hubid=0,id=n0 -device virtio-net-pci,netdev=n0,id=net0,addr=12
-device virtio-balloon-pci,id=bal,addr=13 -device virtio-serial-pci,id=vs,addr=14 -chardev null,id=c9
-device virtserialport,bus=vs.0,nr=2,chardev=c9,name=a -device virtio-scsi-pci,id=scsi0,addr=15
-drive file=%(disk)s,format=raw,if=none,id=d0 -device scsi-hd,bus=scsi0.0,scsi-id=1,drive=d0,id=hd0
-drive file=%(disc)s,format=raw,if=none,id=d1,readonly=on -device scsi-cd,bus=scsi0.0,scsi-id=2,drive=d1,id=cd0
-device scsi-cd,bus=scsi0.0,scsi-id=3,id=cd1 -device pvpanic -serial null -device e1000,id=nic1,addr=16
-device i6300esb,addr=17 -smp 2,maxcpus=4 -global virtio-blk-pci.bootindex=0"""

ONE_NODE = ["-object", "memory-backend-ram,id=pc.ram,size=%(ram_bytes)d", "-numa", "node,nodeid=0,memdev=pc.ram"]

# What is wrong at the destination: its options beside the source's, and the issues' codes. "-ID" takes one away.
DIFFERENCES = {
    "device too many": (["-device", "virtio-rng-pci,id=rng,addr=1c.0"], ["device-extra"]),
    "device missing": (["-bal"], ["device-missing"]),
    "device moved": (["-bal", "-device", "virtio-balloon-pci,id=bal,addr=1c.0"], ["device-moved"]),
    "USB device moved": (["-tab", "-device", "usb-tablet,id=tab,bus=usb.0,port=3"], ["device-moved"]),
    "device of another type": (["-bal", "-device", "virtio-rng-pci,id=bal,addr=13"], ["device-type"]),
    "property": (["-vga", "-device", "VGA,id=vga,vgamem_mb=32,addr=10"], ["device-property", "ram-block"]),
    "CPU model": (["-cpu", "Nehalem"], ["cpu-features", "cpu-model"]),
    "vCPUs": (["-smp", "1,maxcpus=4"], ["device-property", "vcpus"]),  # queues go by vCPUs
    "topology": (["-smp", "2,maxcpus=4,sockets=4,cores=1"], ["topology"]),
    "NUMA": (ONE_NODE, ["topology"]),
    "UUID": (["-uuid", "12345678-9abc-4def-8123-456789abcdef"], ["uuid"]),
    "no-shutdown": (["-no-shutdown"], []),
    "disk of another file": (["-d0", "-drive", "file=%(other)s,format=raw,if=none,id=d0"], ["disk-not-shared"]),
    "disk of another size": (["-d0", "-drive", "file=%(larger)s,format=raw,if=none,id=d0"], ["disk-size"]),
    "disk of another format": (["-d0", "-drive", "file=%(disk)s,format=vpc,if=none,id=d0"], ["destination-start"]),
    "disk read-only": (["-d0", "-drive", "file=%(disk)s,format=raw,if=none,id=d0,readonly=on"], ["disk-read-only"]),
    "disc missing": (["-d1", "-cd0", "-device", "scsi-cd,bus=scsi0.0,scsi-id=2,id=cd0,device_id=d1"],
                     ["disk-missing"]),
    "disc too many": (["-cd1", "-drive", "file=%(disc)s,format=raw,if=none,id=d2,readonly=on", "-device",
                       "scsi-cd,bus=scsi0.0,scsi-id=3,drive=d2,id=cd1"],
                      ["device-property", "disk-extra"]),  # SCSI's name of it goes by the drive's
    "disk and its device missing": (["-d0", "-hd0"], ["device-missing"]),
    "disk that is not there": (["-drive", "file=/no/such/disk,if=none"], ["destination-start"]),
}

DOES_NOT_START = ["destination-start"]


def codes_of(plan, severity="error"):
    return sorted({issue["code"] for issue in plan["issues"] if issue["severity"] == severity})


def apply_difference(options, change):
    """The source's OPTIONS with a row's CHANGE made to them."""
    changed = list(options)
    for word in change:
        index = next((i for i, option in enumerate(changed)
                      if re.search(",id=%s(,|$)" % re.escape(word[1:]), option)), None)
        if index is None or not word.startswith("-"):
            changed.append(word)
        else:
            del changed[index - 1:index + 1]
    return changed


class CheckLab(Lab):
    """A lab that can check and look whether anything was changed. PAIR: a name of PAIRS."""

    def __init__(self, label, pair="old_to_old", extra=()):
        qemu, to_qemu, self.machine = PAIRS[pair]
        super().__init__(label, qemu=qemu, to_qemu=to_qemu, machine=self.machine, extra=extra)

    def use_devices(self):
        """Both sides get DEVICES, with images that both can open."""
        self.words = {"ram_bytes": self.guest.ram_bytes}
        for name, mib in (("disk", 2), ("disc", 1), ("other", 2), ("larger", 4)):
            self.words[name] = os.path.join(self.folder, name + ".img")
            with open(self.words[name], "wb") as file:
                file.truncate(mib << 20)
        self.devices = (DEVICES % self.words).split()
        self.source.extra = self.devices
        self.source.write_vm_file()
        self.differ([])

    def differ(self, change):
        """Makes the destination's VM file that of the source with CHANGE, of DIFFERENCES."""
        self.destination.extra = apply_difference(self.devices, [word % self.words for word in change])
        self.destination.write_vm_file()

    def check(self, *options):
        """Returns (exit code, plan)."""
        return self.check_by("--vm", self.source.vm_file, "--to", self.to, "--state-dir",
                             self.source.state_dir, *options)

    def check_by(self, *words):
        """The same with these words alone."""
        code, process = self.godwit("check", "--json", *words)
        try:
            return code, json.loads(process.out)
        except ValueError as error:
            raise AssertionError("check: %d: %s%s" % (code, process.out, process.err)) from error

    @staticmethod
    def settings(side):
        """All that a check must leave as it is."""
        return [side.command(name) for name in
                ("query-migrate-capabilities", "query-migrate-parameters", "query-status")]

    def settings_of_both(self):
        return [self.settings(side) for side in (self.source, self.destination)]

    def start_waiting_destination(self):
        """A QEMU that somebody else started, and a receiver that is told of its monitor."""
        return self.start_waiting_destination_at("defer")

    def start_waiting_destination_at(self, incoming):
        process = self.destination.start_plainly("-S", "-incoming", incoming)
        self.start_attached_receiver()
        return process

    def start_attached_receiver(self):
        self.agent = self.program("godwit", "receive", "--listen", "127.0.0.1:0", "--qmp",
                                  self.destination.qmp_path, "--state-dir", self.destination.state_dir)
        self._note_port()

    def restart_attached_receiver(self):
        """It is there for one migration, also for one that fails."""
        self.stop_agent()
        self.agent_port = 0
        self.start_attached_receiver()

    def end_waiting_destination(self, process):
        """Ends both; the next one listens where it wants."""
        self.stop_agent()
        self.agent_port = 0
        quit_politely(self.destination)
        process.wait(10)
