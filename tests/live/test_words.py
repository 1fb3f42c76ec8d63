# SPDX-License-Identifier: LGPL-2.1-or-later
"""What people get wrong before a migration: the check finds it, says what to do, and leaves both QEMUs as they were."""

import os
import socket
import threading
import unittest

from .check import CheckLab, codes_of
from .lab import FAILED, INCOMPATIBLE
from .qmp import Qmp


class Between:
    """A program that passes on a monitor, one client at a time, and no descriptors: as socat does."""

    def __init__(self, path, target):
        self.path, self._target = path, target
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(path)
        self._listener.listen(1)
        threading.Thread(target=self._serve, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        self._listener.close()

    def _serve(self):
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            with near, socket.socket(socket.AF_UNIX) as far:
                far.connect(self._target)
                back = threading.Thread(target=self._pump, args=(far, near), daemon=True)
                back.start()
                self._pump(near, far)
                back.join()

    @staticmethod
    def _pump(source, sink):
        try:
            while data := source.recv(65536):
                sink.sendall(data)
        except OSError:
            pass
        for end in (source, sink):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


class WordsTest(unittest.TestCase):

    def wait_for(self, incoming, pair):
        """A destination that takes only what comes to its own port: found by the check, and not ended."""
        with CheckLab(self.id(), pair) as lab:
            lab.start_source()
            lab.start_waiting_destination_at(incoming.replace("FOLDER", lab.folder))
            before = lab.settings_of_both()
            for command in (lab.check, lambda: (lab.start_migrate().wait(60), lab.report()["plan"])):
                code, plan = command()
                self.assertEqual((code, codes_of(plan)), (INCOMPATIBLE, ["not-incoming"]), plan["issues"])
                self.assertIn("-incoming defer", plan["issues"][0]["remedy"])
                self.assertEqual(lab.settings_of_both(), before)
                lab.restart_attached_receiver()

    def passed_on(self, pair):
        """The source's monitor is behind another program: a warning, the relay, and the migration works."""
        with CheckLab(self.id(), pair) as lab:
            lab.start_source()
            lab.start_agent()
            with Between(os.path.join(lab.folder, "between"), lab.source.qmp_path) as between:
                words = ["--qmp", between.path, "--to", lab.to, "--state-dir", lab.source.state_dir]
                code, plan = lab.check_by(*words)
                self.assertEqual((code, codes_of(plan, "warning")), (0, ["monitor-indirect"]))
                self.assertEqual(plan["transport"], "relay")
                code, plan = lab.check_by(*words, "--transport", "direct")
                self.assertEqual((code, codes_of(plan)), (INCOMPATIBLE, ["transport"]))
                code, process = lab.godwit("migrate", *words, "--progress", "none", timeout_s=90)
                self.assertEqual(code, 0, process.err)
                lab.wait_runs_only_on(lab.destination)

    def busy(self, pair):
        with CheckLab(self.id(), pair) as lab:
            lab.start_source()
            lab.start_agent()
            other = Qmp(lab.source.qmp_path)
            migrate = lab.start_migrate()
            self.assertEqual(migrate.wait(60), FAILED)
            self.assertRegex(migrate.err, r"another client has it, process %d \(" % os.getpid())
            other.close()
            lab.wait_runs_only_on(lab.source)

    def hot_plugged(self, pair):
        """The words of the remedy make the destination's QEMU fit."""
        ports = ["-device", "pcie-root-port,id=rp1,chassis=1,addr=10"]
        with CheckLab(self.id(), pair, ports) as lab:
            lab.start_source()
            lab.start_agent()
            lab.source.command("device_add", driver="virtio-balloon-pci", id="bal", bus="rp1")
            code, plan = lab.check()
            self.assertEqual((code, codes_of(plan)), (INCOMPATIBLE, ["device-missing"]), plan["issues"])
            words = plan["issues"][0]["remedy"].split("'")[1]
            self.assertEqual(words, "-device virtio-balloon-pci,id=bal,bus=rp1,addr=00.0")
            lab.destination.extra = ports + words.split()
            lab.destination.write_vm_file()
            code, plan = lab.check()
            self.assertEqual((code, plan["issues"]), (0, []))

    def lost_pages(self, pair, codes):
        """A size that QEMU 7.2 loses pages of, and a guest that stands still."""
        memory = ["-m", "48M"]
        with CheckLab(self.id(), pair, memory) as lab:
            lab.start_source()
            lab.start_agent()
            code, plan = lab.check()
            self.assertEqual((code, codes_of(plan, "warning")), (0, codes), plan["issues"])
            lab.source.command("stop")
            code, plan = lab.check()
            self.assertEqual((code, codes_of(plan, "warning")), (0, ["paused"]), plan["issues"])

    def test_incoming_tcp_old(self):
        self.wait_for("tcp:127.0.0.1:0", "old_to_old")

    def test_incoming_unix_new(self):
        self.wait_for("unix:FOLDER/incoming", "new_to_new")

    def test_monitor_passed_on_old(self):
        self.passed_on("old_to_old")

    def test_monitor_passed_on_new(self):
        self.passed_on("new_to_new")

    def test_busy_old(self):
        self.busy("old_to_old")

    def test_busy_new(self):
        self.busy("new_to_new")

    def test_hot_plugged_old(self):
        self.hot_plugged("old_to_old")

    def test_hot_plugged_new(self):
        self.hot_plugged("new_to_new")

    def test_lost_pages_old(self):
        self.lost_pages("old_to_old", ["tcg-pages"])

    def test_lost_pages_new(self):
        self.lost_pages("new_to_new", [])
