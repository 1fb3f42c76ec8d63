# SPDX-License-Identifier: LGPL-2.1-or-later
"""One host, or both, lose their power: all processes at once, and what was written but not synced.

A machine cannot lose its power here, so its processes are killed, the boot id in its journals and records becomes
another one, and lines that are not synced by their writers are taken away at random from the end.
"""

import os
import re
import signal
import time

from tests.live import procs
from tests.live.lab import Lab
from tests.live.witness import Witness

WHO = ("both", "destination", "source")
PHASES = ("precopy", "switchover", "commit", "cleanup")
UNSYNCED = {".source": ("commit",),
            ".destination": ("committed", "running", "restored", "started", "prepare", "vgpus")}
PHASE_S = 30.0
SETTLE_S = 20.0


def lose_lines(path, chance):
    """Takes unsynced lines from the end of a journal."""
    with open(path, encoding="utf-8") as file:
        lines = file.read().split("\n")[:-1]
    phases = "|".join(UNSYNCED[os.path.splitext(path)[1]])
    while lines and re.search('"phase":"(%s)"' % phases, lines[-1]) and chance.random() < 0.6:
        lines.pop()
    with open(path, "w", encoding="utf-8") as file:
        file.write("".join(line + "\n" for line in lines))


def reboot(side, chance):
    """What the next boot finds of that side's state."""
    for path in side.journals():
        lose_lines(path, chance)
    side.change_boot()


def wait_phase(migrate, events, phase):
    deadline = time.monotonic() + PHASE_S
    while migrate.is_alive() and time.monotonic() < deadline:
        try:
            with open(events, encoding="utf-8") as file:
                if '"%s"' % phase in file.read():
                    return
        except FileNotFoundError:
            pass
        time.sleep(0.0005)


def check(lab, who, said):
    """Nothing runs twice; nothing that lived is lost; and nobody says what is not so."""
    source, destination = lab.source.status(), lab.destination.status()
    if source == destination == "running":
        raise AssertionError("two copies run")
    if who == "both" and "gone" not in (source, destination):
        raise AssertionError("a QEMU came back by itself: %s, %s" % (source, destination))
    if who == "destination" and source not in ("running", "postmigrate", "gone"):
        raise AssertionError("the source's guest is '%s'" % source)
    if "afresh" in said and who != "both":
        raise AssertionError("it is advised to start it afresh: " + said)
    if destination == "running" and lab.destination.place() not in ("here", "not-known"):
        raise AssertionError("it runs there, and the record says '%s'" % lab.destination.place())


def may_move_again(lab, who):
    """The source has kept the guest, and nothing is open there: what its next move settles may stay until then."""
    return who == "destination" and lab.source.status() == "running" and not lab.source.journals()


def lose_power(lab, migrate, who, chance):
    """Kills the processes of WHO, and boots it again; the destination's agent is started then, as by an init system."""
    dying = []
    if who != "source":
        dying += [lab.agent.pid, lab.destination.pid()]
    if who != "destination":
        dying += [migrate.pid, lab.source.pid()]
    for pid in filter(None, dying):
        procs.send(pid, signal.SIGKILL)
    if who != "destination":
        migrate.wait(10)
        reboot(lab.source, chance)
    if who != "source":
        lab.agent.wait(10)
        reboot(lab.destination, chance)
        lab.start_agent()
    if who == "destination":
        migrate.wait(120)


def settle(lab, deadline, is_enough=lambda: False):
    """Recovers until nothing is left to settle, or what is left IS_ENOUGH. The destination's last words."""
    said = ""
    while lab.journals() and not is_enough() and time.monotonic() < deadline:
        said = lab.recover_once()[-1]
        time.sleep(1)
    return said


def move_again(lab):
    again = lab.start_migrate()
    if again.wait(120) != 0 or lab.destination.status() != "running":
        raise AssertionError("the next move: %s" % again.err)


def with_power_loss(who, phase, kind, chance):
    """One round: WHO loses it a moment after PHASE has begun."""
    with Lab("power-%s-%s" % (who, phase), kind=kind) as lab:
        lab.start_source()
        lab.start_agent()
        events = os.path.join(lab.folder, "events")
        with Witness(lab.source, lab.destination):
            migrate = lab.start_migrate("--events", events)
            wait_phase(migrate, events, phase)
            time.sleep(chance.choice((0, chance.uniform(0, 0.003), chance.uniform(0, 0.05))))
            lose_power(lab, migrate, who, chance)
            deadline = time.monotonic() + SETTLE_S
            said = settle(lab, deadline, lambda: may_move_again(lab, who))
            check(lab, who, said)
            if may_move_again(lab, who):
                move_again(lab)
                said = settle(lab, deadline) or said  # the session may still be ending
            if who != "source" and lab.source.status() != "postmigrate" and lab.journals():
                raise AssertionError("not settled: %s; %s" % (lab.journals(), said))
        lab.stop_agent()
