# SPDX-License-Identifier: LGPL-2.1-or-later
"""One host, or both, lose their power: all processes at once, and what was written but not synced.

A machine cannot lose its power here, so its processes are killed, the boot id in its journals and records becomes
another one, and lines that are not synced by their writers are taken away at random from the end.
"""

import os
import re
import time

from tests.live import procs
from tests.live.lab import Lab
from tests.live.witness import Witness

from .settle import place

WHO = ("both", "destination", "source")
PHASES = ("precopy", "switchover", "commit", "cleanup")
UNSYNCED = {".source": ("commit",),
            ".destination": ("committed", "running", "restored", "started", "prepare", "vgpus")}
OTHER_BOOT = "00000000-0000-0000-0000-000000000000"
PHASE_S = 30.0
SETTLE_S = 20.0


def boot_id():
    with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
        return file.read().strip()


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
    for folder, _, names in os.walk(side.state_dir):
        for name in names:
            path = os.path.join(folder, name)
            if name.endswith((".source", ".destination")):
                lose_lines(path, chance)
            with open(path, encoding="utf-8", errors="surrogateescape") as file:
                text = file.read()
            with open(path, "w", encoding="utf-8", errors="surrogateescape") as file:
                file.write(text.replace(boot_id(), OTHER_BOOT))


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
    if destination == "running" and place(lab.destination) not in ("here", "not-known"):
        raise AssertionError("it runs there, and the record says '%s'" % place(lab.destination))


def may_move_again(lab, who):
    """The source has kept the guest, and nothing is open there: what its next move settles may stay until then."""
    return who == "destination" and lab.source.status() == "running" and not any(
        name.endswith(".source") for name in lab.journals())


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
            dying = []
            if who != "source":
                dying += [lab.agent.pid, lab.destination.pid()]
            if who != "destination":
                dying += [migrate.pid, lab.source.pid()]
            for pid in filter(None, dying):
                procs.send(pid, 9)
            if who != "destination":
                migrate.wait(10)
                reboot(lab.source, chance)
            if who != "source":
                lab.agent.wait(10)
                reboot(lab.destination, chance)
                lab.start_agent()
            if who == "destination":
                migrate.wait(120)
            said = ""
            deadline = time.monotonic() + SETTLE_S
            while lab.journals() and not may_move_again(lab, who) and time.monotonic() < deadline:
                for side in (lab.source, lab.destination):
                    _, process = lab.godwit("recover", "--state-dir", side.state_dir)
                    said = process.out + process.err
                time.sleep(1)
            check(lab, who, said)
            if may_move_again(lab, who):
                again = lab.start_migrate()
                if again.wait(120) != 0 or lab.destination.status() != "running":
                    raise AssertionError("the next move: %s" % again.err)
                while lab.journals() and time.monotonic() < deadline:  # the session may still be ending
                    _, process = lab.godwit("recover", "--state-dir", lab.destination.state_dir)
                    said = process.out + process.err
            if who != "source" and lab.source.status() != "postmigrate" and lab.journals():
                raise AssertionError("not settled: %s; %s" % (lab.journals(), said))
        lab.stop_agent()
