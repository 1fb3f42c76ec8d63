# SPDX-License-Identifier: LGPL-2.1-or-later
"""The smallest guest that keeps a migration busy: its firmware is a loop that writes a byte of each of its pages."""

import os
import shutil
import tempfile

from tests.live import procs
from tests.live.qmp import Qmp, QmpGone, is_migration

from . import wire

FIRMWARE_BYTES = 64 << 10
# At F000:FFF0, where the CPU begins, a jump to F000:0000; there, in 16 bits:
#   begin: mov ax, 0x1000;  page: mov ds, ax; inc word [0]; add ax, 0x100; cmp ax, 0x2800; jb page; jmp begin
LOOP = bytes.fromhex("b80010 8ed8 ff060000 050001 3d0028 72f2 ebed")
RESET = bytes.fromhex("ea000000f0")
RAM_KIB = (2 << 10) + 8
PATIENCE_S = 60.0


def firmware():
    image = bytearray(FIRMWARE_BYTES)
    image[:len(LOOP)] = LOOP
    image[0xfff0:0xfff0 + len(RESET)] = RESET
    return bytes(image)


class Machine:
    """One QEMU with that guest, and what OPTIONS add."""

    def __init__(self, qemu, folder, name, options, incoming):
        self.folder = os.path.join(folder, name)
        os.mkdir(self.folder)
        bios = os.path.join(folder, "firmware")
        with open(bios, "wb") as file:
            file.write(firmware())
        argv = [qemu, "-name", name, "-accel", "tcg", "-nodefaults", "-no-user-config", "-display", "none",
                "-m", "%dk" % RAM_KIB, "-bios", bios, "-qmp", "unix:%s/qmp,server=on,wait=off" % self.folder]
        argv += ["-S", "-incoming", "defer"] if incoming else []
        self.process = procs.Process(argv + list(options), os.path.join(self.folder, "qemu"))
        self.qmp = None

    def connect(self):
        def is_there():
            if not self.process.is_alive():
                raise AssertionError("QEMU ended: " + self.process.err)
            try:
                self.qmp = Qmp(self.folder + "/qmp", PATIENCE_S)
            except QmpGone:  # not yet, or it has ended meanwhile
                return False
            return True
        procs.wait_until(is_there, PATIENCE_S, "QEMU's monitor")

    def end(self):
        if self.qmp is not None:
            self.qmp.close()
        if self.process.is_alive():
            self.process.kill()


class Migration:
    """A migration between two of them, over a wire that keeps what passes. Use with `with`."""

    def __init__(self, qemu, source_options, target_options):
        self.folder = tempfile.mkdtemp(prefix="gw-")
        self.machines = []
        self.wire = None
        self.source = self._start(qemu, "source", source_options, False)
        self.target = self._start(qemu, "target", target_options, True)

    def _start(self, qemu, name, options, incoming):
        machine = Machine(qemu, self.folder, name, options, incoming)
        self.machines.append(machine)
        return machine

    def __enter__(self):
        try:
            for machine in self.machines:
                machine.connect()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for machine in self.machines:
            machine.end()
        shutil.rmtree(self.folder, ignore_errors=True)

    def prepare(self, capabilities, parameters):
        """Switches CAPABILITIES on and sets PARAMETERS, on both sides."""
        wanted = [{"capability": name, "state": True}
                  for name in ["events", "return-path", "late-block-activate"] + list(capabilities)]
        for machine in self.machines:
            machine.qmp.command("migrate-set-capabilities", PATIENCE_S, capabilities=wanted)
            machine.qmp.command("migrate-set-parameters", PATIENCE_S, **parameters)
        self.target.qmp.command("migrate-incoming", PATIENCE_S, uri="unix:%s/far" % self.folder)
        self.wire = wire.Wire(self.folder + "/near", self.folder + "/far")

    def begin(self):
        self.source.qmp.command("migrate", PATIENCE_S, uri="unix:%s/near" % self.folder)

    def info(self):
        return self.source.qmp.command("query-migrate", PATIENCE_S)

    def wait_passes(self, count):
        """Waits until COUNT passes over the memory have begun; compressed, one may be enough for all."""
        def have_begun():
            info = self.info()
            return info["status"] == "completed" or info.get("ram", {}).get("dirty-sync-count", 0) > count
        procs.wait_until(have_begun, PATIENCE_S, "%d passes" % count)

    def finish(self):
        """Lets it end; QEMU's last numbers and what went over each connection."""
        self.source.qmp.command("migrate-set-parameters", PATIENCE_S, downtime_limit=2000000)
        for machine in self.machines:
            end = machine.qmp.wait_event(lambda e: is_migration(e, "completed") or is_migration(e, "failed"),
                                         PATIENCE_S)
            if end["data"]["status"] != "completed":
                raise AssertionError("the migration failed: %s%s" % (self.info(), self.target.process.err))
        return self.info(), self.wire.end()
