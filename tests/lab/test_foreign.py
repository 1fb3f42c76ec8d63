# SPDX-License-Identifier: LGPL-2.1-or-later
"""The destination's QEMU and its vGPU are somebody else's: `godwit receive --qmp`. What becomes of the vGPU is seen on
QEMU's standard error where that is a file, else in its events."""

import os
import subprocess

from tests.live import procs

from .qemu import PATIENCE_S
from .two_hosts import BUILD, FAILED, PARENTS, GodwitCase


class Foreign(GodwitCase):
    """One vGPU on each side, the one at the destination made by hand."""

    def begin(self, to_file=False, events="on", **faults):
        self.hosts((62,))
        code, output = self.run_vm()
        self.assertEqual(code, 0, output)
        self.fill()
        self.note()
        for name, value in faults.items():
            self.target_fault(name, value)
        self.made = self.vgpu(62, PARENTS["b"])
        self.start_qemu(self.target.foreign_argv([self.made.path], events), to_file)
        argv = [BUILD + "/tools/godwit", "receive", "--listen", "127.0.0.1:0", "--qmp", self.target.folder + "/qmp",
                "--state-dir", self.target.state]
        self.agent = procs.Process(argv, self.target.folder + "/receive")
        self.addCleanup(self.stop_agent, self.agent)
        self.address = self.agent.wait_line("listening on", PATIENCE_S)

    def start_qemu(self, argv, to_file):
        """Its standard error is a file, or a pipe that nobody of ours could read."""
        with open(self.target.folder + "/qemu.err", "wb") as file:
            qemu = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, start_new_session=True,
                                    stderr=file if to_file else subprocess.PIPE)
        self.addCleanup(self.end, qemu)
        procs.wait_until(lambda: os.path.exists(self.target.folder + "/look"), PATIENCE_S, "QEMU's sockets")
        self.target.status()

    @staticmethod
    def end(qemu):
        qemu.kill()
        qemu.communicate()

    def moves(self):
        code, output, report = self.migrate()
        self.assertEqual(code, 0, output)
        self.assert_moved()
        self.assert_ticking(self.target)
        self.assert_whole()
        self.assertEqual(self.agent.wait(PATIENCE_S), 0)
        return report

    def refuses(self, words):
        code, output, report = self.migrate()
        self.assertEqual((code, report["vm_runs_on"]), (FAILED, "source"), output)
        self.assertRegex(output, words)
        procs.wait_until(lambda: not self.target.has_qemu(), PATIENCE_S, "the end of the QEMU that has loaded")
        # It is not ours: its QEMU is ended, since it can load only once, and the vGPU stays.
        self.assertEqual(self.target.uuids(), [self.made.uuid])
        self.made.remove()
        self.assert_stayed(ran_there=True)

    def test_moves(self):
        self.begin()
        report = self.moves()
        self.assertEqual(report["plan"]["issues"], [])

    def test_moves_with_its_standard_error_in_a_file(self):
        self.begin(to_file=True, events="off")
        report = self.moves()
        self.assertEqual(report["plan"]["issues"], [])

    def test_image_refused_is_seen_in_the_events(self):
        self.begin(refuse_image=1)
        self.refuses("vGPU 'gpu0' came up blank: its driver rejected the state")

    def test_image_refused_is_read_on_its_standard_error(self):
        self.begin(to_file=True, events="off", refuse_image=1)
        self.refuses("vGPU 'gpu0' came up blank: .*Failed setting device state")

    def test_one_that_nobody_can_watch(self):
        """It goes through, with a warning: neither events nor words."""
        self.begin(events="off")
        issues = self.moves()["plan"]["issues"]
        self.assertEqual([(issue["severity"], issue["code"], issue["host"], issue["subject"]) for issue in issues],
                         [("warning", "vgpu-unwatched", "destination", "gpu0")])

    def test_one_without_p2p_cannot_be_watched_by_events(self):
        self.source_fault("no_p2p", 1)
        self.begin(no_p2p=1)
        issues = self.moves()["plan"]["issues"]
        self.assertEqual([issue["code"] for issue in issues], ["vgpu-unwatched"])
