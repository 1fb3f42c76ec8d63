# SPDX-License-Identifier: LGPL-2.1-or-later
"""What goes wrong in the hand-over tests, and what must be true afterwards, for every phase."""

import collections
import signal

from . import procs
from .lab import CANCELLED, FAILED, RUNS_ON_DESTINATION, UNKNOWN

SOURCE_PHASES = ["source:" + name for name in (
    "connect", "survey", "plan", "prepare", "setup", "precopy", "switchover", "commit", "cleanup")]
AGENT_PHASES = ["destination:" + name for name in ("prepare", "setup", "load", "commit", "running")]
PHASES = SOURCE_PHASES + AGENT_PHASES

# The source QEMU has not said `completed` yet: the source is the truth.
EARLY = set(SOURCE_PHASES[:7] + AGENT_PHASES[:3])
# The destination was proven to run; what comes then is housekeeping.
AFTERWARDS = {"source:cleanup"}
# The answer to the commit stands: what becomes of that QEMU later is not the migration's.
ANSWERED = AFTERWARDS | {"destination:running"}
# In between the guest is handed over.
NO_QEMU_THERE = set(SOURCE_PHASES[:4] + AGENT_PHASES[:1])

KILLED = -signal.SIGKILL

# codes: what godwit migrate may exit with; place: where the guest runs once all is settled, "source",
# "destination", "either" (exactly one) or "none".
Expected = collections.namedtuple("Expected", "codes place")


def cancel(lab, migrate):
    """The user presses Ctrl-C."""
    migrate.signal(signal.SIGINT)


def kill_destination_qemu(lab, migrate):
    procs.kill_and_wait(lab.destination.pid())


def freeze_destination_qemu(lab, migrate):
    procs.send(lab.destination.pid(), signal.SIGSTOP)


def kill_source_qemu(lab, migrate):
    procs.kill_and_wait(lab.source.pid())


def kill_agent(lab, migrate):
    lab.agent.kill()


def kill_godwit(lab, migrate):
    migrate.kill()


def cut(lab, migrate):
    """Every TCP connection is reset; new ones work."""
    lab.proxy.cut()


def black_hole(lab, migrate):
    """Every TCP connection stays open and passes nothing on."""
    lab.proxy.black_hole()


def expected_cancel(where):
    return Expected({CANCELLED}, "source") if where in EARLY else Expected(
        {RUNS_ON_DESTINATION}, "destination")


def expected_destination_dies(where):
    if where in ANSWERED:
        return Expected({RUNS_ON_DESTINATION}, "none")
    return Expected({FAILED}, "source")


def expected_destination_freezes(where):
    if where in ANSWERED:
        return Expected({RUNS_ON_DESTINATION}, "destination")
    return Expected({FAILED}, "source")


def expected_source_dies(where):
    if where == "source:connect":  # a QEMU that godwit never met
        return Expected({FAILED}, "none")
    if where in EARLY:
        return Expected({UNKNOWN}, "none")
    return Expected({RUNS_ON_DESTINATION}, "destination")


def expected_lost_peer(where):
    if where in EARLY:
        return Expected({FAILED}, "source")
    if where in AFTERWARDS:
        return Expected({RUNS_ON_DESTINATION}, "destination")
    return Expected({RUNS_ON_DESTINATION, FAILED, UNKNOWN}, "either")


def expected_cut(where):
    if where == "source:connect":  # there is no connection yet to be cut
        return Expected({RUNS_ON_DESTINATION}, "destination")
    return expected_lost_peer(where)


def expected_godwit_dies(where):
    return expected_lost_peer(where)._replace(codes={KILLED})


Fault = collections.namedtuple("Fault", "act expected phases")

NEEDS_QEMU = [where for where in PHASES if where not in NO_QEMU_THERE]

FAULTS = {
    "cancel": Fault(cancel, expected_cancel, PHASES),
    "kill_destination_qemu": Fault(kill_destination_qemu, expected_destination_dies, NEEDS_QEMU),
    "freeze_destination_qemu": Fault(
        freeze_destination_qemu, expected_destination_freezes, NEEDS_QEMU),
    "kill_source_qemu": Fault(kill_source_qemu, expected_source_dies, PHASES),
    "kill_agent": Fault(kill_agent, expected_lost_peer, PHASES),
    "kill_godwit": Fault(kill_godwit, expected_godwit_dies, PHASES),
    "cut": Fault(cut, expected_cut, PHASES),
    "black_hole": Fault(black_hole, expected_lost_peer,
                        ["source:survey", "source:setup", "source:precopy", "source:switchover",
                         "destination:commit"]),
}
