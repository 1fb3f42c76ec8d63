# SPDX-License-Identifier: LGPL-2.1-or-later
"""What must be true after each round: one guest, in one place, whole, and every word about it right."""

import json
import os
import time

from tests.live import procs
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
    said = ""
    while True:
        revive(lab)
        if not lab.journals():
            return
        for side in (lab.source, lab.destination):
            code, process = lab.godwit("recover", "--state-dir", side.state_dir)
            said += "%d: %s%s" % (code, process.out, process.err)
        if time.monotonic() > deadline:
            raise AssertionError("not settled: %s; %s" % (lab.journals(), said[-600:]))
        time.sleep(0.2)


def place(side, vm="vm"):
    """Where the side's record says that the VM belongs; 'not-known' without one."""
    try:
        with open(os.path.join(side.state_dir, "vms", vm + ".json"), encoding="utf-8") as file:
            return json.load(file)["now"]["place"]
    except FileNotFoundError:
        return "not-known"


def check_records(lab, living):
    """The records agree with what is."""
    other = lab.destination if living is lab.source else lab.source
    if place(living) not in ("here", "not-known"):
        raise AssertionError("it runs in %s, whose record says '%s'" % (living.folder, place(living)))
    if place(other) in ("here", "receiving", "handing-over"):
        raise AssertionError("it does not run in %s, whose record says '%s'" % (other.folder, place(other)))


def check_one(lab, code=None):
    """Exactly one guest runs, and CODE, of the migrate, did not lie. Returns its side."""
    procs.wait_until(lambda: len(lab.running_sides()) == 1, 15, "one running copy: %s, %s" % (
        lab.source.status(), lab.destination.status()))
    living = lab.running_sides()[0]
    if code == RUNS_ON_DESTINATION and living is lab.source or code in SAYS_SOURCE and living is lab.destination:
        raise AssertionError("exit code %d is a lie" % code)
    other = lab.destination if living is lab.source else lab.source
    if other.status() != "gone":
        raise AssertionError("a QEMU is left: '%s'" % other.status())
    living.wait_beat()
    if living is lab.destination:
        lab.check_clock()
    elif lab.destination.beats() > 0:
        raise AssertionError("the guest has run at the destination, and its old memory goes on at the source")
    check_records(lab, living)
    return living
