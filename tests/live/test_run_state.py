# SPDX-License-Identifier: LGPL-2.1-or-later
"""The guest's run state is its own: what becomes of it in the middle of a move is so at the other end too, or here again.

QEMU's status is looked at on both sides, and so is the report. See the keys of tests/guests/tick.S.
"""

import os
import shutil
import signal
import unittest

from .guests import TickGuest
from .lab import CANCELLED, FAILED, RUNS_ON_DESTINATION, SLOWLY, Lab
from .test_handover import MACHINES

IDE_MACHINE = "pc-i440fx-7.2"  # its IDE disks can be written by PIO
PANIC = ("-device", "pvpanic", "-action", "panic=pause")
BOOT_SECTOR_BEGINS = b"\xfa\xfc"  # what the guest writes over
STATES = {"shutdown": "has shut down", "guest-panicked": "has panicked", "paused": "is paused",
          "suspended": "sleeps", "io-error": "is stopped by a disk's error"}
NO_ROOM = '[inject-error]\nevent = "pwritev"\niotype = "write"\nerrno = "28"\nonce = "off"\n'


def press(side, key):
    """The guest does to itself what this key stands for."""
    side.command("send-key", keys=[{"type": "qcode", "data": key}])


class StateLab(Lab):
    """A guest whose memory is on its way for some seconds."""

    def __init__(self, label, qemu, extra=(), machine=None):
        calm = TickGuest(hot=64)  # a move of one that goes on ends after its first pass
        super().__init__(label, calm, qemu=qemu, machine=machine or MACHINES[qemu], extra=extra)

    def begin(self, paused=False, options=()):
        """`godwit migrate`, with the stream flowing."""
        self.start_source()
        if paused:
            self.source.command("stop")
        self.start_agent()
        migrate = self.start_migrate(*SLOWLY, *options)
        self.wait_flow(migrate)
        return migrate

    def finish(self, migrate, code):
        found = migrate.wait(60)
        if found != code:
            raise AssertionError("exit code %d: %s%s" % (found, migrate.out, migrate.err))
        return self.report()

    def check_state(self, report, side, status):
        """That side has the guest, in this state, and the report says both; nothing is left at the other."""
        side.wait_status(status, 5)
        said = report.get("vm_state", "")
        if status == "running" and said or not said.startswith(STATES.get(status, "")):
            raise AssertionError("'%s', but the report says '%s'" % (status, said))
        place = "destination" if side is self.destination else "source"
        if report["vm_runs_on"] != place:
            raise AssertionError("it is on the " + place + ", but: " + report["vm_runs_on"])
        if side is self.source and self.destination.beats() != 0:
            raise AssertionError("it ran on the destination")
        self.check_nothing_left(living=side)


class RunState:
    """For each QEMU, as `qemu`."""

    def moved(self, act, status, extra=(), paused=False):
        """ACT, on the source, in the middle of a move that goes on."""
        with StateLab(self.id(), self.qemu, extra) as lab:
            migrate = lab.begin(paused)
            act(lab.source)
            lab.source.wait_status(status, 5)
            report = lab.finish(migrate, RUNS_ON_DESTINATION)
            lab.check_state(report, lab.destination, status)
            if status == "running":
                lab.destination.wait_beat()
            else:
                self.assertTrue(lab.destination.is_silent())

    def stayed(self, act, status, extra=(), paused=False):
        """Likewise, but the user cancels."""
        with StateLab(self.id(), self.qemu, extra) as lab:
            migrate = lab.begin(paused)
            act(lab.source)
            lab.source.wait_status(status, 5)
            migrate.signal(signal.SIGINT)
            report = lab.finish(migrate, CANCELLED)
            lab.check_state(report, lab.source, status)
            if status == "running":
                lab.source.wait_beat()

    def test_powers_off(self):
        self.moved(lambda side: press(side, "o"), "shutdown", ["-no-shutdown"])

    def test_panics(self):
        self.moved(lambda side: press(side, "p"), "guest-panicked", PANIC)

    def test_is_paused(self):
        self.moved(lambda side: side.command("stop"), "paused")

    def test_is_resumed(self):
        self.moved(lambda side: side.command("cont"), "running", paused=True)

    def test_is_paused_and_resumed(self):
        def act(side):
            for command in ("stop", "cont", "stop", "cont"):
                side.command(command)
        self.moved(act, "running")

    def test_is_reset(self):
        self.moved(lambda side: side.command("system_reset"), "running")

    def test_cancelled_when_powered_off(self):
        self.stayed(lambda side: press(side, "o"), "shutdown", ["-no-shutdown"])

    def test_cancelled_when_panicked(self):
        self.stayed(lambda side: press(side, "p"), "guest-panicked", PANIC)

    def test_cancelled_when_paused(self):
        self.stayed(lambda side: side.command("stop"), "paused")

    def test_cancelled_when_resumed(self):
        self.stayed(lambda side: side.command("cont"), "running", paused=True)

    def test_agent_lost_when_paused(self):
        """The undo of a failure gives no order to go on, either."""
        with StateLab(self.id(), self.qemu) as lab:
            migrate = lab.begin()
            lab.source.command("stop")
            lab.source.wait_status("paused", 5)
            lab.agent.kill()
            report = lab.finish(migrate, FAILED)
            lab.start_agent()
            lab.recover()
            lab.check_state(report, lab.source, "paused")
            lab.source.command("cont")
            lab.wait_runs_only_on(lab.source)

    def test_falls_asleep(self):
        """A QEMU before 9.0 would wake it, so it stays; with a later one it sleeps on at the other end."""
        with StateLab(self.id(), self.qemu) as lab:
            migrate = lab.begin()
            press(lab.source, "s")
            lab.source.wait_status("suspended", 5)
            if self.qemu == "7.2":
                report = lab.finish(migrate, FAILED)
                self.assertIn("system_wakeup", report["error"]["message"])
                lab.check_state(report, lab.source, "suspended")
            else:
                lab.check_state(lab.finish(migrate, RUNS_ON_DESTINATION), lab.destination, "suspended")

    def test_disk_error(self):
        """What the disk did not take is written where the guest is continued."""
        with StateLab(self.id(), self.qemu, machine=IDE_MACHINE) as lab:
            image = os.path.join(lab.folder, "data.img")
            shutil.copy(os.path.join(lab.source.folder, "tick.img"), image)  # it is the one to boot from
            self.add_disk(lab.source, "driver=raw,file.driver=blkdebug,file.config=%s,file.image.driver=file,"
                          "file.image.filename=%s" % (self.no_room(lab), image))
            self.add_disk(lab.destination, "driver=raw,file.driver=file,file.filename=" + image)
            migrate = lab.begin(options=("--allow", "disk-unknown:hd1"))
            press(lab.source, "w")
            lab.source.wait_status("io-error", 5)
            lab.check_state(lab.finish(migrate, RUNS_ON_DESTINATION), lab.destination, "io-error")
            lab.destination.command("cont")
            lab.destination.wait_beat()
            lab.check_clock()
            with open(image, "rb") as file:
                self.assertNotEqual(file.read(2), BOOT_SECTOR_BEGINS)

    @staticmethod
    def no_room(lab):
        path = os.path.join(lab.folder, "no-room")
        with open(path, "w", encoding="ascii") as file:
            file.write(NO_ROOM)
        return path

    @staticmethod
    def add_disk(side, words):
        side.extra += ["-drive", "if=none,id=data,cache=directsync,werror=stop," + words,
                       "-device", "ide-hd,drive=data,bus=ide.0,unit=1,id=hd1"]
        side.write_vm_file()

    def test_paused_and_moved_twice(self):
        """The disks of a guest that came standing still have to be taken into use before it is moved on."""
        with StateLab(self.id(), self.qemu) as lab:
            image = os.path.join(lab.folder, "data.img")
            with open(image, "wb") as file:
                file.truncate(1 << 20)
            disk = ["-drive", "file=%s,format=raw,if=none,id=data,cache=directsync" % image,
                    "-device", "virtio-blk-pci,drive=data,addr=1d.0"]
            lab.source.extra = lab.destination.extra = lab._extra = disk
            for side in lab.sides:
                side.write_vm_file()
            lab.start_source()
            lab.source.command("stop")
            for _ in range(2):
                lab.start_agent()
                report = lab.migrate()
                self.assertTrue(report["vm_state"].startswith("is paused"), report["vm_state"])
                lab.destination.wait_status("paused", 5)
                lab.swap()
            lab.source.command("cont")
            lab.source.wait_beat()
            lab.check_clock()


class RunStateOld(RunState, unittest.TestCase):
    qemu = "7.2"


class RunStateNew(RunState, unittest.TestCase):
    qemu = "10.0"
