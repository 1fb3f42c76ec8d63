# SPDX-License-Identifier: LGPL-2.1-or-later
"""QEMU's monitor does not answer: QEMU blocks in a send with its lock held, and the other end does not read. A yank
frees it.

The guest stops with nearly all of its memory left, and in that moment either the data's cable begins to swallow
everything, while the control connection takes another one and knows of nothing, or the destination's QEMU reads no
more. The source's QEMU itself writes down what it is told.
"""

import os
import re
import signal
import unittest

from . import env, procs
from .guests import TickGuest
from .lab import CANCELLED, FAILED, Lab, SLOWLY, monitor_says
from .network import Ends
from .test_network import RATE, SLACK_S, STATED_S
from .witness import Witness

AT_ONCE_MS = 2000000  # the longest limit that QEMU takes: it stops the guest as soon as it has sent anything
DEAF_S = 1.0
SILENT_QEMU_S = 6.0  # after which an agent says that its QEMU is frozen
ASKED_S = 3.0        # in band, before it is yanked
YANK = '"exec-oob": "yank"'


class StuckLab(Lab):
    """Two cables: the control connection takes the first one, the data the second."""

    def __init__(self, label, ends, qemu, kind):
        machine = env.OLD_MACHINE if qemu == "7.2" else env.NEW_MACHINE
        super().__init__(label, TickGuest(ram_mib=64), qemu, machine=machine, ends=ends, kind=kind)
        self.cables = [ends.lay_cable(number, RATE) for number in range(2)]
        self.agent_host = self.cables[0].destination
        self.listen_host = "0.0.0.0"

    def __enter__(self):
        super().__enter__()
        # What comes by any monitor, with its whole text.
        self._told_path = os.path.join(self.folder, "told")
        self.source.extra += ["-trace", "handle_qmp_command", "-D", self._told_path]
        self.source.write_vm_file()
        return self

    def told(self, pattern):
        """How often the source's QEMU was told what looks so."""
        with open(self._told_path, encoding="utf-8", errors="replace") as file:
            return len(re.findall(pattern, file.read()))

    def swallow(self):
        self.cables[1].open_hole()

    def freeze(self):
        """Not before the agent has said go: it asks its QEMU. The rest takes some seconds at this rate."""
        self.wait_deaf()
        procs.send(self.destination.pid(), signal.SIGSTOP)

    def wait_deaf(self):
        procs.wait_until(lambda: self.source.status(DEAF_S) == "silent", STATED_S, "QEMU to be deaf", 0)

    def start_migrate_at_once(self):
        """`godwit migrate` when the guest stands still and nothing of the rest has gone; returns its hook too."""
        hook = self.hook("source:switchover")
        self.start_source()
        self.start_agent("--insecure")
        data = self.cables[1]
        migrate = self.start_migrate("--insecure", *SLOWLY, "--hook", hook.command,
                                     "--bind", "%s=%s" % (data.source, data.destination))
        procs.wait_until(lambda: self.source.migration_status() == "active", 30, "the stream: " + migrate.err)
        monitor_says(self.source, "migrate-set-parameters", downtime_limit=AT_ONCE_MS)
        hook.wait(migrate)
        return migrate, hook


class StuckTest(unittest.TestCase):

    def lab(self, kind, qemu):
        ends = self.enterContext(Ends())
        lab = self.enterContext(StuckLab(self.id(), ends, qemu, kind))
        self.enterContext(Witness(lab.source, lab.destination))
        return lab

    def check_freed(self, lab, migrate, code, within_s):
        """The guest runs on where it was within that time, by one yank; what is left to tidy up may take longer."""
        lab.source.wait_status("running", within_s + ASKED_S + SLACK_S)
        self.assertEqual(migrate.wait(60), code, migrate.err)
        self.assertEqual(lab.told(YANK), 1)
        lab.wait_runs_only_on(lab.source)
        lab.check_stayed(STATED_S + 15)

    def swallowed(self, kind, qemu):
        lab = self.lab(kind, qemu)
        migrate, hook = lab.start_migrate_at_once()
        lab.swallow()
        hook.go()
        lab.wait_deaf()
        self.assertEqual(lab.told(YANK), 0)
        self.check_freed(lab, migrate, FAILED, STATED_S)
        self.assertRegex(lab.report()["error"]["message"], "data channel [0-2]: .* acknowledges nothing")

    def test_direct(self):
        self.swallowed("direct", "7.2")

    def test_direct_new(self):
        self.swallowed("direct", "10.0")

    def test_relay(self):
        self.swallowed("relay", "7.2")

    def test_tls(self):
        self.swallowed("tls", "10.0")

    def test_multifd2(self):
        self.swallowed("multifd2", "7.2")

    def test_multifd2_new(self):
        self.swallowed("multifd2", "10.0")

    def test_cancel(self):
        """The user's Ctrl-C, before anybody has noticed anything."""
        lab = self.lab("direct", "10.0")
        migrate, hook = lab.start_migrate_at_once()
        lab.swallow()
        hook.go()
        lab.wait_deaf()
        migrate.signal(signal.SIGINT)
        self.check_freed(lab, migrate, CANCELLED, 0)

    def unread(self, qemu):
        """The destination's host acknowledges all: only its QEMU takes nothing."""
        lab = self.lab("direct", qemu)
        migrate, hook = lab.start_migrate_at_once()
        hook.go()
        lab.freeze()
        self.check_freed(lab, migrate, FAILED, SILENT_QEMU_S)
        self.assertRegex(lab.report()["error"]["message"],
                         "destination: QEMU has not answered for .*: its process is frozen")

    def test_unread(self):
        self.unread("7.2")

    def test_unread_new(self):
        self.unread("10.0")
