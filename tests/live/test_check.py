# SPDX-License-Identifier: LGPL-2.1-or-later
"""`godwit check` on real pairs of QEMUs: each difference is found before anything starts, nothing is found where
nothing is wrong, and both QEMUs are afterwards as they were before."""

import json
import os
import pty
import re
import select
import subprocess
import time
import unittest

from . import env, procs
from .guests import TickGuest
from .lab import INCOMPATIBLE, Lab
from .scratch import Scratch

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
-device scsi-cd,bus=scsi0.0,id=cd0 -device pvpanic -serial null -device e1000,id=nic1,addr=16
-device i6300esb,addr=17 -smp 2,maxcpus=4""".split()

# What is wrong at the destination: its options beside the source's, and the issues' codes. "-DEVICE" takes one away.
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
    "UUID": (["-uuid", "12345678-9abc-4def-8123-456789abcdef"], ["uuid"]),
    "no-shutdown": (["-no-shutdown"], []),
    "disk that is not there": (["-drive", "file=/no/such/disk,if=none"], ["destination-start"]),
}


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
    """A lab that can check and look whether anything was changed."""

    def check(self, *options):
        """Returns (exit code, plan)."""
        code, process = self.godwit("check", "--vm", self.source.vm_file, "--to", self.to, "--state-dir",
                                    self.source.state_dir, "--json", *options)
        try:
            return code, json.loads(process.out)
        except ValueError as error:
            raise AssertionError("check: %d: %s%s" % (code, process.out, process.err)) from error

    @staticmethod
    def settings(side):
        return [side.command(name) for name in
                ("query-migrate-capabilities", "query-migrate-parameters", "query-status")]

    def start_waiting_destination(self):
        """A QEMU that somebody else started, and a receiver that is told of its monitor."""
        process = self.destination.start_plainly("-S", "-incoming", "defer")
        self.agent = self.program("godwit", "receive", "--listen", "127.0.0.1:0", "--qmp",
                                  self.destination.qmp_path, "--state-dir", self.destination.state_dir)
        self._note_port()
        return process


class PairTest(unittest.TestCase):
    """Both QEMUs of each pair: no false alarm, and each difference by its code."""

    def differences(self, pair):
        qemu, to_qemu, machine = PAIRS[pair]
        with CheckLab(self.id(), qemu=qemu, to_qemu=to_qemu, machine=machine, extra=DEVICES) as lab:
            lab.start_source()
            lab.start_agent()
            before = lab.settings(lab.source)
            code, plan = lab.check()
            self.assertEqual((code, plan["issues"]), (0, []))
            for name, (change, expected) in DIFFERENCES.items():
                lab.destination.extra = apply_difference(DEVICES, change)
                lab.destination.write_vm_file()
                code, plan = lab.check()
                found = codes_of(plan)
                self.assertEqual((name, found), (name, sorted(expected)), plan["issues"])
                self.assertEqual(code, INCOMPATIBLE if found else 0, name)
                self.assertNotEqual(plan["issues"], [], name)
                self.assertIsNone(lab.destination.pid())
            self.other_boards(lab, machine)
            self.assertEqual(lab.settings(lab.source), before)
            lab.wait_runs_only_on(lab.source)
            lab.check_nothing_left(living=lab.source)
            lab.check_clock()

    def other_boards(self, lab, machine):
        lab.destination.extra = DEVICES
        lab.destination.guest = TickGuest(ram_mib=48)
        lab.destination.write_vm_file()
        code, plan = lab.check()
        self.assertEqual((code, codes_of(plan)), (INCOMPATIBLE, ["ram-size"]), plan["issues"])
        lab.destination.guest = lab.source.guest
        lab.destination.machine = "pc-q35-7.1" if "q35" in machine else "pc-i440fx-7.1"
        lab.destination.write_vm_file()
        code, plan = lab.check()
        self.assertEqual(code, INCOMPATIBLE)
        self.assertIn("machine-type", codes_of(plan))


class SourceTest(unittest.TestCase):
    """What the guest or its QEMU is in no state for."""

    def found(self, pair, extra, prepare, severity, code, state=None):
        qemu, to_qemu, machine = PAIRS[pair]
        with CheckLab(self.id(), qemu=qemu, to_qemu=to_qemu, machine=machine, extra=extra) as lab:
            lab.start_source()
            lab.start_agent()
            prepare(lab.source)
            if state is not None:
                lab.source.wait_status(state)
            before = lab.settings(lab.source)
            exit_code, plan = lab.check()
            self.assertEqual(codes_of(plan, severity), [code], plan["issues"])
            self.assertEqual(exit_code, INCOMPATIBLE if severity == "error" else 0)
            self.assertEqual(lab.settings(lab.source), before)
            self.assertIsNone(lab.destination.pid())
            lab.check_nothing_left(living=lab.source)

    @staticmethod
    def write_port(side, words):
        """As the guest would: by the monitor for people, which can write to a port."""
        side.command("human-monitor-command", command_line="o " + words)

    def of_state(self, pair):
        pm1_control = "0x604"
        self.found(pair, [], lambda side: side.command("stop"), "warning", "paused", "paused")
        self.found(pair, [], lambda side: self.write_port(side, "/h %s 0x2400" % pm1_control),
                   "error", "run-state", "suspended")
        self.found(pair, ["-no-shutdown"], lambda side: self.write_port(side, "/h %s 0x2000" % pm1_control),
                   "error", "run-state", "shutdown")
        self.found(pair, ["-device", "pvpanic", "-action", "panic=pause"],
                   lambda side: self.write_port(side, "/b 0x505 1"), "error", "run-state", "guest-panicked")

    def of_qemu(self, pair):
        post_copy = [{"capability": "postcopy-ram", "state": True}]
        self.found(pair, [], lambda side: side.command("migrate-set-capabilities", capabilities=post_copy),
                   "error", "refused-capability")
        with Scratch(self.id() + "-nvme") as scratch:
            image = os.path.join(scratch.folder, "nvme.img")
            with open(image, "wb") as file:
                file.truncate(1 << 20)
            self.found(pair, ["-drive", "file=%s,format=raw,if=none,id=nv,file.locking=off" % image, "-device",
                              "nvme,serial=x,drive=nv"], lambda side: None, "error", "blocked")


class AttachedTest(unittest.TestCase):
    """A destination that somebody else started is asked too, and left as it was."""

    def attached(self, pair):
        qemu, to_qemu, machine = PAIRS[pair]
        with CheckLab(self.id(), qemu=qemu, to_qemu=to_qemu, machine=machine) as lab:
            lab.start_source()
            lab.start_waiting_destination()
            xbzrle = [{"capability": "xbzrle", "state": True}]
            for side in (lab.source, lab.destination):
                side.command("migrate-set-capabilities", capabilities=xbzrle)
                side.command("migrate-set-parameters", downtime_limit=123, max_bandwidth=4567890)
            before = [lab.settings(side) for side in (lab.source, lab.destination)]
            code, plan = lab.check()
            self.assertEqual((code, plan["issues"]), (0, []))
            code, plan = lab.check("--capability", "postcopy-ram", "--channels", "4")
            self.assertEqual((code, codes_of(plan)), (INCOMPATIBLE, ["capability-conflict"]))
            post_copy = [{"capability": "postcopy-ram", "state": True}]
            lab.destination.command("migrate-set-capabilities", capabilities=post_copy)
            with_post_copy = lab.settings(lab.destination)
            code, plan = lab.check()
            self.assertEqual((code, codes_of(plan)), (INCOMPATIBLE, ["refused-capability"]))
            code, plan = lab.check("--allow", "refused-capability")
            self.assertEqual((code, codes_of(plan)), (0, []))
            self.assertEqual(codes_of(plan, "warning"), ["refused-capability"])
            self.assertTrue(all(issue["allowed"] for issue in plan["issues"]))
            self.assertEqual(lab.settings(lab.destination), with_post_copy)
            self.assertEqual(lab.settings(lab.source), before[0])
            self.move_with_former_settings(lab, before)

    def move_with_former_settings(self, lab, before):
        """A migration leaves both QEMUs, which go on running, with the settings that they had."""
        report = lab.migrate("--keep-source", "--allow", "refused-capability")
        self.assertEqual([issue["code"] for issue in report["plan"]["issues"]], ["refused-capability"])
        lab.wait_runs_only_on(lab.destination)
        lab.agent.wait(10)
        self.assertEqual(lab.settings(lab.source)[:2], before[0][:2])
        names = {row["capability"]: row["state"] for row in lab.settings(lab.destination)[0]}
        self.assertEqual({name for name in names if names[name]}, {"xbzrle", "postcopy-ram"})
        self.assertEqual(lab.settings(lab.destination)[1], before[1][1])


class TextTest(unittest.TestCase):
    """What a person sees."""

    def run_on_terminal(self, lab, environment):
        """check's output on a terminal of its own."""
        master, slave = pty.openpty()
        process = subprocess.Popen(
            [env.binary("godwit"), "check", "--vm", lab.source.vm_file, "--to", lab.to, "--state-dir",
             lab.source.state_dir], stdout=slave, stderr=slave, stdin=subprocess.DEVNULL,
            env={**os.environ, "TERM": "xterm", **environment})
        os.close(slave)
        output = b""
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            if not select.select([master], [], [], 1)[0]:
                continue
            try:
                data = os.read(master, 65536)
            except OSError:
                break
            if not data:
                break
            output += data
        os.close(master)
        return process.wait(10), output.decode()

    def test_colours_on_a_terminal_only(self):
        with CheckLab(self.id()) as lab:
            lab.start_source()
            lab.start_agent()
            code, text = self.run_on_terminal(lab, {"NO_COLOR": ""})
            self.assertEqual(code, 0)
            self.assertIn("vm \033[32mcan be migrated\033[0m", text)
            for environment in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
                code, text = self.run_on_terminal(lab, environment)
                self.assertEqual(code, 0)
                self.assertNotIn("\033", text)
            code, piped = lab.godwit("check", "--vm", lab.source.vm_file, "--to", lab.to, "--all")
            self.assertEqual(code, 0)
            self.assertNotIn("\033", piped.out)
            self.assertRegex(piped.out, r"(?m)^  off +multifd +there is one channel$")
            self.assertRegex(piped.out, r"(?m)^  both +return-path +\S")
            self.assertLess(max(len(line) for line in piped.out.splitlines()), 132)
            procs.wait_until(lambda: lab.destination.pid() is None, 5, "the checks' QEMU to end")


def add_tests():
    """One test a pair: each by a name of its own."""
    for pair in PAIRS:
        setattr(PairTest, "test_" + pair, lambda self, pair=pair: self.differences(pair))
        setattr(AttachedTest, "test_" + pair, lambda self, pair=pair: self.attached(pair))
        if pair.startswith("pc_"):
            continue
        setattr(SourceTest, "test_state_" + pair, lambda self, pair=pair: self.of_state(pair))
        setattr(SourceTest, "test_qemu_" + pair, lambda self, pair=pair: self.of_qemu(pair))


add_tests()
