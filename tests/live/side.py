# SPDX-License-Identifier: LGPL-2.1-or-later
"""One side of a migration: a folder with a VM file, and the QEMU that godwit starts from it.

A VM that is migrated several times has a new side for each destination. The engine uses the monitor of the VM file.
QEMU has a second monitor here, so that a test can look at it beside the engine.
"""

import json
import os
import shlex
import signal
import subprocess
import threading
import time

from . import env, procs
from .guests import COMMON
from .qmp import Qmp, QmpError, QmpGone, QmpTimeout

BOOT_ID = "/proc/sys/kernel/random/boot_id"
OTHER_BOOT = b"00000000-0000-0000-0000-000000000000"


class Side:
    """A place where the VM may run. FOLDER is made; NAME is the VM's and the same on both sides."""

    def __init__(self, folder, guest, qemu="7.2", machine=env.OLD_MACHINE, name="vm", extra=()):
        self.folder, self.guest, self.name = folder, guest, name
        self.qemu, self.machine, self.extra = qemu, machine, list(extra)
        self.vm_file = os.path.join(folder, "vm", name + ".vm")
        self.qmp_path = os.path.join(folder, "qmp")
        self.watch_path = os.path.join(folder, "watch")
        self.clock_path = os.path.join(folder, "clock")
        self.state_dir = os.path.join(folder, "state")
        self._lock = threading.RLock()  # the monitor takes one client: not two threads connect at once
        self._monitor = None
        os.makedirs(os.path.dirname(self.vm_file))
        os.mkdir(self.state_dir)
        guest.prepare(folder)
        self.write_vm_file()

    def argv(self, qmp="${qmp}"):
        """QEMU's command line; with the VM file's placeholder, or with a path in its place."""
        argv = [env.qemu(self.qemu), "-name", self.name, "-machine", self.machine]
        argv += [word.replace("${qmp}", qmp) for word in COMMON]
        argv += ["-qmp", "unix:%s,server=on,wait=off" % self.watch_path]
        return argv + self.guest.options(self.folder, self.clock_path) + self.extra

    def write_vm_file(self, more=""):
        quoted = " ".join(word if "${qmp}" in word else shlex.quote(word) for word in self.argv())
        with open(self.vm_file, "w", encoding="utf-8") as file:
            file.write("[vm]\nname=%s\nqmp=%s\nargv=%s\n%s" % (self.name, self.qmp_path, quoted, more))

    def start_plainly(self, *more):
        """Starts QEMU without godwit; for what compares with plain QMP. Returns its Popen."""
        with open(os.path.join(self.folder, "plain.log"), "wb") as log:
            process = subprocess.Popen(self.argv(self.qmp_path) + list(more), stdout=log, stderr=log,
                                       stdin=subprocess.DEVNULL, start_new_session=True)
        # The socket's file is there a moment before anybody listens on it.
        procs.wait_until(lambda: self.status() != "gone", 20, "QEMU's monitor")
        return process

    def pid(self):
        """QEMU's pid, or None."""
        wanted = "unix:%s,server=on,wait=off" % self.watch_path
        pids = procs.find(lambda arguments: wanted in arguments)
        if len(pids) > 1:
            raise AssertionError("%d QEMUs of one side: %s" % (len(pids), pids))
        return pids[0] if pids else None

    def monitor(self, timeout_s=5.0):
        """The second monitor, connected anew when it has to be. QmpGone if there is no QEMU."""
        with self._lock:
            if self._monitor is None:
                self._monitor = Qmp(self.watch_path, timeout_s)
            return self._monitor

    def command(self, command, timeout_s=5.0, **arguments):
        with self._lock:
            try:
                return self.monitor(timeout_s).command(command, timeout_s, **arguments)
            except QmpGone:
                self.forget()
                raise

    def forget(self):
        """Drops the second monitor's connection."""
        with self._lock:
            monitor, self._monitor = self._monitor, None
        if monitor is not None:
            monitor.close()

    def status(self, timeout_s=1.0):
        """QEMU's run state; 'gone' without a QEMU, 'silent' for one that does not answer."""
        for _ in range(2):
            try:
                return self.command("query-status", timeout_s)["status"]
            except QmpGone:
                continue
            except QmpTimeout:
                return "silent"
        return "gone"

    def migration_status(self):
        """QEMU's word for its migration; 'none' before the first, 'gone' without a QEMU."""
        try:
            return self.command("query-migrate").get("status", "none")
        except QmpGone:
            return "gone"

    def wait_status(self, wanted, timeout_s=15.0):
        procs.wait_until(lambda: self.status() == wanted, timeout_s,
                         "'%s' (now '%s')" % (wanted, self.status()), 0.02)

    def beats(self):
        """How many beats of the guest's clock were seen on this side, whole or not."""
        return os.path.getsize(self.clock_path) if os.path.exists(self.clock_path) else 0

    def wait_beat(self, timeout_s=30.0):
        """Waits until the guest has shown a sign of life that is younger than this call."""
        before = self.beats()
        procs.wait_until(lambda: self.beats() > before, timeout_s, "a beat on " + self.folder)

    def is_silent(self, for_s=0.1):
        """Does the guest's clock stand still?"""
        before = self.beats()
        time.sleep(for_s)
        return self.beats() == before

    # What the engine keeps in the state folder.

    def journals(self):
        """What is not settled on this host."""
        return [os.path.join(self.state_dir, name) for name in os.listdir(self.state_dir)
                if name.endswith((".source", ".destination"))]

    def record(self):
        """What this host has noted of the VM's owner; FileNotFoundError if it never had the VM."""
        with open(os.path.join(self.state_dir, "vms", self.name + ".json"), encoding="utf-8") as file:
            return json.load(file)

    def place(self):
        """Where the record says that the VM belongs; 'not-known' without a record."""
        try:
            return self.record()["now"]["place"]
        except FileNotFoundError:
            return "not-known"

    def change_boot(self):
        """As if this host had been restarted: all that it has kept is of another boot."""
        with open(BOOT_ID, "rb") as file:
            boot = file.read().strip()
        for folder, _, names in os.walk(self.state_dir):
            for path in (os.path.join(folder, name) for name in names):
                with open(path, "rb") as file:
                    data = file.read()
                with open(path, "wb") as file:
                    file.write(data.replace(boot, OTHER_BOOT))

    def end(self):
        """Ends QEMU, whatever state it is in."""
        self.forget()
        pid = self.pid()
        if pid is not None:
            procs.send(pid, signal.SIGCONT)
            procs.kill_and_wait(pid)


def quit_politely(side):
    """Lets QEMU end as a user would; it removes its sockets."""
    try:
        side.command("quit")
    except (QmpGone, QmpError):
        pass
    side.forget()
    procs.wait_until(lambda: side.pid() is None, 10, "QEMU to quit")
