# SPDX-License-Identifier: LGPL-2.1-or-later
"""Each of our programs dies before its n-th act that somebody else can see, for every n; see acts.c."""

import os
import time

from tests.live import env
from tests.live.faults import KILLED
from tests.live.lab import Lab
from tests.live.witness import Witness

from .settle import check_one, revive, settle

MIGRATE_S = 120.0
PROGRAMS = ("migrate", "godwitd", "receive", "recover-source", "recover-destination")
KINDS = ("direct", "relay", "multifd2", "tls")


def faulty(lab, binary, **variables):
    """What is started inside has the fault of acts.c that VARIABLES say."""
    library = os.path.join(env.build_dir(), "tests", "libacts.so")
    if not os.path.exists(library):
        raise AssertionError("there is no '%s'" % library)
    return lab.environment(LD_PRELOAD=library, ACTS_PROGRAM=binary, ACTS_COUNT=os.path.join(lab.folder, "acts"),
                           ACTS_HIT=os.path.join(lab.folder, "hit"), **variables)


def is_hit(lab):
    """Has the fault happened?"""
    return os.path.exists(os.path.join(lab.folder, "hit"))


def acts(lab, program, number=None):
    """PROGRAM dies before its act NUMBER; None: it is only counted."""
    binary = "godwitd" if program == "godwitd" else "godwit"
    return faulty(lab, binary, **({} if number is None else {"ACTS_DIE_AT": str(number)}))


def count(lab):
    """How many acts the program made."""
    with open(os.path.join(lab.folder, "acts"), encoding="ascii") as file:
        return int(file.read())


def start(lab, begin):
    """Starts an agent that may die before it listens; then it comes up again."""
    try:
        begin()
    except AssertionError:
        if lab.agent.is_alive() or lab.agent.wait(1) != KILLED:
            raise
        with lab.environment():
            begin()


def wait_migrate(lab, migrate, agent):
    """Its exit code. The agent comes up again when it dies, as long as there is one."""
    deadline = time.monotonic() + MIGRATE_S
    while migrate.is_alive() and time.monotonic() < deadline:
        if agent:
            revive(lab)
        time.sleep(0.02)
    return migrate.wait(1)


def move(lab, program, number):
    """The exit code of a move in which PROGRAM, one of the two that make it, dies."""
    if program == "migrate":
        lab.start_agent()
        with acts(lab, program, number):
            migrate = lab.start_migrate()
    else:
        with acts(lab, program, number):
            start(lab, lab.start_agent if program == "godwitd" else lab.start_receiver)
        migrate = lab.start_migrate()
    return wait_migrate(lab, migrate, program != "receive")


def recover(lab, side, phase, number):
    """A move whose programs die in PHASE, and the 'godwit recover' of one side, which dies too."""
    hook = lab.hook("source:" + phase)
    lab.start_agent()
    migrate = lab.start_migrate("--hook", hook.command)
    hook.wait(migrate)
    migrate.kill()
    if side is lab.destination:
        lab.agent.kill()
    with acts(lab, "recover", number):
        lab.godwit("recover", "--state-dir", side.state_dir)


def with_death_of(program, kind, qemu, number, phase="commit"):
    """One round. NUMBER None: nobody dies, and the number of the acts is returned."""
    with Lab("crash-%s-%s-%s" % (program, kind, number), kind=kind, qemu=qemu) as lab:
        lab.start_source()
        code = None
        with Witness(lab.source, lab.destination):
            if program.startswith("recover"):
                recover(lab, lab.source if program == "recover-source" else lab.destination, phase, number)
            else:
                code = move(lab, program, number)
            settle(lab)  # after a 'godwit receive' that died the host has a daemon
            check_one(lab, code)
        if lab.agent.is_alive():
            lab.stop_agent()
        if number is None:
            return count(lab)
        return None if is_hit(lab) else "not reached"
