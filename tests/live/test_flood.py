# SPDX-License-Identifier: LGPL-2.1-or-later
"""Strangers connect 1,000 times a second during a migration: it succeeds, and the agent stays small."""

import select
import socket
import unittest

from .flood import Flood
from .lab import Lab
from .test_agent import MIB, resident_bytes

RATE = 1000
WAIT_S = 0.3  # much longer than the agent takes to answer


class FloodTest(unittest.TestCase):

    def move(self, kind):
        with Lab(self.id(), kind=kind) as lab:
            lab.start_source()
            lab.start_agent()
            hook = lab.hook("source:plan")
            migrate = lab.start_migrate("--hook", hook.command)
            hook.wait(migrate)
            # The session is there; its data channel has to come through the flood.
            with Flood(lab.agent_port, RATE) as flood:
                hook.go()
                self.assertEqual(migrate.wait(90), 0, migrate.err + lab.agent.err)
            # A busy machine may not manage all of them.
            self.assertGreater(flood.made, RATE * flood.lasted_s / 4)
            self.assertLess(resident_bytes(lab.agent.pid), 96 * MIB)
            self.assertLess(lab.agent.err.count("rejected"), 50 + 15 * flood.lasted_s)
            lab.wait_runs_only_on(lab.destination)
            lab.check_nothing_left(living=lab.destination)
            lab.check_clock()

    def test_tls(self):
        self.move("tls")

    def test_plain_text(self):
        self.move("direct")


class StandstillTest(unittest.TestCase):
    """While the guest is stopped no stranger is accepted; once it runs all are."""

    def test_a_stranger_waits(self):
        # A machine that dawdles lets a second pass before the stranger has called.
        self.assertTrue(any(self.waits() for _ in range(5)))

    def waits(self):
        """Moves a guest; had the stranger no answer before it was to run again?"""
        with Lab(self.id()) as lab:
            lab.start_source()
            lab.start_agent()
            hook = lab.hook("source:commit")
            migrate = lab.start_migrate("--hook", hook.command)
            hook.wait(migrate)
            with socket.create_connection(("127.0.0.1", lab.agent_port)) as stranger:
                stranger.sendall(b"x")
                waited = not select.select([stranger], [], [], WAIT_S)[0]
                hook.go()
                self.assertIn(b"neither a control connection", stranger.makefile("rb").readline())
            self.assertEqual(migrate.wait(30), 0, migrate.err)
            lab.wait_runs_only_on(lab.destination)
            lab.check_nothing_left(living=lab.destination)
            return waited
