# SPDX-License-Identifier: LGPL-2.1-or-later
"""Godwit or its agent is killed in the middle: the guest ends on exactly one side, and no vGPU is left over."""

from tests.live import procs

from .qemu import PATIENCE_S
from .two_hosts import FAILED, RUNS_ON_DESTINATION, UNKNOWN, GodwitCase, godwit

# A hook's parent is the program that runs it.
KILL = 'if [ "$GODWIT_PHASE" = %s ]; then kill -9 $PPID; fi'
KILLED = -9


class CrashCase(GodwitCase):
    """One vGPU with its vRAM filled. What was left is settled by `godwit recover`, destination first."""

    def begin(self, **agent):
        self.hosts((62,))
        code, output = self.run_vm()
        self.assertEqual(code, 0, output)
        self.start_agent(**agent)
        self.fill()
        self.note()

    def recover(self, host):
        code, output = host.recover()
        self.assertEqual(code, 0, output)

    def assert_there(self):
        self.assert_moved()
        self.assertEqual(self.target.status(), "running")
        self.assert_ticking(self.target)
        self.assert_whole()


class AgentKilled(CrashCase):
    """The agent dies at the start of a phase of its own, or once a line is in its journal; another takes its place, on
    the same port."""

    def killed_at(self, phase, expected):
        self.killed(expected, hook=KILL % phase)

    def killed(self, expected, **agent):
        self.begin(**agent)
        code, output, _ = self.migrate()
        self.assertEqual(code, expected, output)
        self.assertEqual(self.agent.wait(PATIENCE_S), KILLED)
        self.assertNotEqual(self.target.uuids(), [])
        self.recover(self.target)
        self.start_agent(port=int(self.address.rsplit(":", 1)[1]))
        self.recover(self.source)

    def test_at_prepare(self):
        self.killed_at("prepare", FAILED)
        self.assert_stayed()

    def test_at_load(self):
        self.killed_at("load", FAILED)
        self.assert_stayed()

    def test_at_switchover(self):
        self.killed_at("switchover", FAILED)
        self.assert_stayed()

    def test_at_commit(self):
        """COMMIT has arrived and nothing was done about it: nobody knows until the agent is back."""
        self.killed_at("commit", UNKNOWN)
        self.assert_stayed()

    def test_before_cont(self):
        """The journal says that the guest belongs here, and it has not run yet."""
        self.killed(UNKNOWN, dies_after="committed")
        self.assert_there()

    def test_before_cont_and_then_blank(self):
        """Then it is the recovery's 'cont' in which the driver rejects the image."""
        self.target_fault("refuse_image", 1)
        self.killed(UNKNOWN, dies_after="committed")
        self.assert_stayed(ran_there=True)

    def test_after_cont(self):
        """The guest runs there, and the answer was never sent."""
        self.killed(UNKNOWN, dies_after="running")
        self.assert_there()

    def test_at_running(self):
        """This hook runs after the answer: the source knows, and the guest does not need its agent."""
        self.killed_at("running", RUNS_ON_DESTINATION)
        self.assert_there()


class GodwitKilled(CrashCase):
    """The source's side dies; the agent lives and settles its own."""

    def killed_at(self, phase):
        self.begin()
        code, output = godwit(*self.arguments(hook=KILL % phase))
        self.assertEqual(code, KILLED, output)

    def assert_back(self):
        procs.wait_until(lambda: not self.target.uuids(), PATIENCE_S, "the agent to clean up")
        self.recover(self.source)
        self.assert_stayed()

    def test_at_prepare(self):
        self.killed_at("prepare")
        self.assert_back()

    def test_at_precopy(self):
        self.killed_at("precopy")
        self.assert_back()

    def test_at_switchover(self):
        self.killed_at("switchover")
        self.assert_back()

    def test_at_commit(self):
        """The source has sent all and COMMIT was not sent."""
        self.killed_at("commit")
        self.assert_back()

    def test_at_cleanup(self):
        """The guest runs there; the source's QEMU and vGPU are still there."""
        self.killed_at("cleanup")
        self.assertEqual(self.source.uuids(), self.before)
        self.recover(self.source)
        self.assert_there()

    def test_both_at_precopy(self):
        """Nobody is left but two QEMUs and two journals."""
        self.begin()
        kill = "if [ \"$GODWIT_PHASE\" = precopy ]; then kill -9 %d $PPID; fi" % self.agent.pid
        code, output = godwit(*self.arguments(hook=kill))
        self.assertEqual(code, KILLED, output)
        self.recover(self.target)
        self.recover(self.source)
        self.assert_stayed()
