# SPDX-License-Identifier: LGPL-2.1-or-later
"""A plain QEMU with vGPUs, in the lab's VM, and its migration by QMP with nothing of Godwit."""

import os
import shutil
import tempfile

from tests.live import env, guests, procs
from tests.live.qmp import Qmp, QmpGone, is_migration

# In the VM nothing is built: the host made the guests and shares them.
env.guests_dir = lambda: os.environ["GODWIT_GUESTS"]

QEMU = os.environ.get("GODWIT_LAB_QEMU", "qemu-system-x86_64")
# One that knows no VFIO migration of today.
OLD_QEMU = os.path.join(os.path.dirname(os.path.abspath(__file__)), "guest/old-qemu")
UNLIMITED_BYTES_PER_S = 1 << 40
# Tests are of what happens, not of how fast: under TCG inside TCG a second is short.
PATIENCE_S = 60.0


class Machine:
    """A QEMU with the tick guest and VGPUS, as PCI devices gpu0, gpu1..."""

    def __init__(self, folder, name, vgpus, incoming=False, options=()):
        self.folder = os.path.join(folder, name)
        os.mkdir(self.folder)
        self.guest = guests.TickGuest(ram_mib=32, pages=2048, dirty=4, interval_us=20000)
        self.guest.prepare(self.folder)
        argv = [QEMU, "-name", name, "-machine", "q35", "-accel", "tcg", "-nodefaults", "-no-user-config",
                "-display", "none", "-boot", "strict=on",
                "-qmp", "unix:%s/qmp,server=on,wait=off" % self.folder]
        argv += self.guest.options(self.folder, self.folder + "/clock")
        for number, vgpu in enumerate(vgpus):
            argv += ["-device", "vfio-pci,id=gpu%d,addr=%d,sysfsdev=%s,enable-migration=on,migration-events=on"
                     % (number, 8 + number, vgpu.path)]
        argv += ["-S", "-incoming", "defer"] if incoming else []
        self.process = procs.Process(argv + list(options), os.path.join(self.folder, "qemu"))
        self.qmp = None

    def connect(self):
        """Waits for QMP. AssertionError with QEMU's words if it ends instead."""
        def is_there():
            if not self.process.is_alive():
                raise AssertionError("QEMU ended: " + self.process.err)
            return os.path.exists(self.folder + "/qmp")
        procs.wait_until(is_there, PATIENCE_S, "QEMU's socket")
        try:
            self.qmp = Qmp(self.folder + "/qmp", PATIENCE_S)
        except QmpGone:
            # It made the socket before it looked at its devices.
            code = self.process.wait(PATIENCE_S)
            raise AssertionError("QEMU ended (%d): %s" % (code, self.process.err)) from None
        return self

    def ticks(self):
        return self.guest.read(self.folder + "/clock")

    def wait_ticking(self):
        before = len(self.ticks())
        procs.wait_until(lambda: len(self.ticks()) > before, PATIENCE_S, "a tick")

    def states(self, device="gpu0"):
        """The states of a vGPU that QEMU told of, in order."""
        self.qmp.status(PATIENCE_S)
        return [event["data"]["device-state"] for event in self.qmp.events
                if event["event"] == "VFIO_MIGRATION" and event["data"]["device-id"] == device]

    def end(self):
        if self.qmp is not None:
            self.qmp.close()
        if self.process.is_alive():
            self.process.kill()


class Move:
    """A source and a destination, and the migration between them. Use with `with`."""

    def __init__(self, sources, targets, options=()):
        self.folder = tempfile.mkdtemp(prefix="gw-")
        self.machines = []
        self.source = self._start("source", sources, False, options)
        self.target = self._start("target", targets, True, options)

    def _start(self, *arguments):
        machine = Machine(self.folder, *arguments)
        self.machines.append(machine)
        return machine

    def __enter__(self):
        try:
            for machine in self.machines:
                machine.connect()
            self.source.wait_ticking()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for machine in self.machines:
            machine.end()
        shutil.rmtree(self.folder, ignore_errors=True)

    def prepare(self, *capabilities, downtime_ms=1000):
        """Capabilities and parameters of both sides, and the destination's socket."""
        wanted = [{"capability": name, "state": True}
                  for name in ("events", "return-path", "late-block-activate") + capabilities]
        for machine in self.machines:
            machine.qmp.command("migrate-set-capabilities", PATIENCE_S, capabilities=wanted)
        self.source.qmp.command("migrate-set-parameters", PATIENCE_S, downtime_limit=downtime_ms,
                                max_bandwidth=UNLIMITED_BYTES_PER_S,
                                avail_switchover_bandwidth=100 << 20)
        self.target.qmp.command("migrate-incoming", PATIENCE_S, uri="unix:%s/wire" % self.folder)

    def begin(self):
        self.source.qmp.command("migrate", PATIENCE_S, uri="unix:%s/wire" % self.folder)

    def wait_end(self, timeout_s=PATIENCE_S):
        """How the migration ended, as the source says: 'completed' or 'failed'."""
        return self.source.qmp.wait_event(
            lambda e: is_migration(e, "completed") or is_migration(e, "failed"), timeout_s)["data"]["status"]

    def wait_loaded(self):
        self.target.qmp.wait_event(lambda e: is_migration(e, "completed"), PATIENCE_S)

    def run(self, **parameters):
        """The whole way up to the destination's `completed`; its guest is not started."""
        self.prepare(**parameters)
        self.begin()
        ended = self.wait_end()
        if ended != "completed":
            raise AssertionError("the migration failed: %s%s" % (
                self.source.qmp.command("query-migrate"), self.target.process.err))
        self.wait_loaded()

    def resume(self):
        """Starts the guest at the destination."""
        self.target.qmp.command("cont", PATIENCE_S)
        self.target.wait_ticking()

    def check_ticks(self):
        """The guest's clock and memory, over both sides; raises if anything is lost."""
        self.source.guest.check(self.source.guest.read(self.source.folder + "/clock",
                                                       self.target.folder + "/clock"))
