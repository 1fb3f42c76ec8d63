# SPDX-License-Identifier: LGPL-2.1-or-later
"""Strangers call 1,000 times a second while a guest moves: it moves all the same, and the agent stays small."""

import unittest

from .flood import Flood
from .lab import Lab
from .test_agent import MIB, resident_bytes

RATE = 1000


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
