# SPDX-License-Identifier: LGPL-2.1-or-later
"""What must be true after each round: one guest, in one place, whole, and every word about it right."""

import time

from tests.live.lab import CANCELLED, FAILED, NO_CONVERGENCE, RUNS_ON_DESTINATION

SETTLE_S = 60.0
# Of the exit codes that say where the guest is.
SAYS_SOURCE = (FAILED, NO_CONVERGENCE, CANCELLED)


def revive(lab):
    """The host's init system starts the agent again."""
    if lab.agent is not None and not lab.agent.is_alive():
        lab.start_agent()


def settle(lab):
    """Recovers until nothing is left to settle. An agent that has died is started anew."""
    deadline = time.monotonic() + SETTLE_S
    while True:
        revive(lab)
        if not lab.journals():
            return
        said = lab.recover_once()
        if time.monotonic() > deadline:
            raise AssertionError("not settled: %s; %s" % (lab.journals(), "".join(said)))
        time.sleep(0.2)


def check_records(lab, living):
    """The records agree with what is."""
    other = lab.other(living)
    if living.place() not in ("here", "not-known"):
        raise AssertionError("it runs in %s, whose record says '%s'" % (living.folder, living.place()))
    if other.place() in ("here", "receiving", "handing-over"):
        raise AssertionError("it does not run in %s, whose record says '%s'" % (other.folder, other.place()))


def check_one(lab, code=None):
    """Exactly one guest runs, and CODE, of a migrate that was not killed itself, did not lie."""
    living = lab.wait_one_runs()
    if code == RUNS_ON_DESTINATION and living is lab.source or code in SAYS_SOURCE and living is lab.destination:
        raise AssertionError("exit code %d is a lie" % code)
    left = lab.other(living).status()
    if left != "gone":
        raise AssertionError("a QEMU is left: '%s'" % left)
    living.wait_beat()
    if living is lab.destination:
        lab.check_clock()
    elif lab.destination.beats() > 0:
        raise AssertionError("the guest has run at the destination, and its old memory goes on at the source")
    check_records(lab, living)
