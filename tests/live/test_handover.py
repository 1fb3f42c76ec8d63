# SPDX-License-Identifier: LGPL-2.1-or-later
"""The hand-over: everything that can die, at every phase. After each case the guest runs in one place.

One class for each fault and QEMU, one test for each phase. The program of that phase waits in its hook while the
fault happens, so the fault hits exactly this phase.
"""

import signal
import unittest

from . import env, procs
from .faults import EARLY, FAULTS, KILLED, PHASES
from .lab import Lab, UNKNOWN, monitor_says
from .witness import Witness

# On the newer QEMU only where the two differ: what its own states and events decide.
NEW_PHASES = {"source:setup", "source:precopy", "source:switchover", "destination:load",
              "source:commit", "destination:commit", "destination:running"}
NEW_FAULTS = ("cancel", "kill_destination_qemu", "kill_agent", "kill_godwit", "cut")
# Over the kinds of channel that pass through our own processes, where these stand in the stream's way.
KIND_PHASES = {"source:setup", "source:precopy", "source:switchover", "destination:load",
               "destination:commit"}
KIND_FAULTS = ("kill_source_qemu", "kill_destination_qemu", "kill_agent", "kill_godwit", "cut",
               "black_hole")
KIND_QEMUS = {"relay": "7.2", "multifd2": "10.0", "tls": "7.2"}
# With the other QEMU, and over both of these at once, what differs most.
BRIEF_PHASES = {"source:precopy", "source:switchover", "destination:commit"}
BRIEF_FAULTS = ("kill_destination_qemu", "kill_godwit", "cut")
BRIEF_QEMUS = {"relay": "10.0", "multifd2": "7.2", "tls": "10.0", "tls-relay": "7.2", "tls-multifd2": "10.0"}


def settings_of(side):
    return monitor_says(side, "query-migrate-capabilities"), monitor_says(side, "query-migrate-parameters")


class Case:
    """One migration in which one thing goes wrong."""

    def __init__(self, lab, fault, where):
        self.lab, self.fault, self.where = lab, FAULTS[fault], where
        self.name = fault
        self.expected = self.fault.expected(where)
        self.code = self.former = None

    def run(self):
        lab = self.lab
        hook = lab.hook(self.where)
        on_source = self.where.startswith("source:")
        option = ("--hook", hook.command)
        self.start_source()
        lab.start_agent(*([] if on_source else option))
        lab.use_proxy()
        with Witness(lab.source, lab.destination):
            migrate = lab.start_migrate(*(option if on_source else ()))
            hook.wait(migrate)
            self.fault.act(lab, migrate)
            hook.go()
            self.code = migrate.wait(60)
            self.output = migrate.out + migrate.err
            self.check_code()
            self.settle()
            self.check_place()

    def start_source(self):
        self.lab.start_source()
        self.former = settings_of(self.lab.source)

    def check_code(self):
        if self.code not in self.expected.codes:
            raise AssertionError("exit code %d, not one of %s: %s" % (
                self.code, sorted(self.expected.codes), self.output))
        if self.code == KILLED:
            return
        report = self.lab.report()
        places = {0: ("destination",), 1: ("source",), 5: ("source",), 6: ("unknown", "none")}
        if report["vm_runs_on"] not in places[self.code]:
            raise AssertionError("exit code %d, but '%s'" % (self.code, report["vm_runs_on"]))
        if self.name == "kill_source_qemu" and report["vm_runs_on"] == "unknown":
            raise AssertionError("that QEMU is dead, and can be known to be")
        if self.code != 0 and not report["error"]["message"]:
            raise AssertionError("a failure without a word")

    def settle(self):
        """Brings back what was killed, and settles by `godwit recover` what only it can settle."""
        lab = self.lab
        if self.name == "black_hole":
            lab.proxy.heal()
        if self.name == "freeze_destination_qemu" and lab.destination.pid() is not None:
            procs.send(lab.destination.pid(), signal.SIGCONT)
        if self.name == "kill_agent":
            lab.start_agent()
        if self.name in ("kill_agent", "kill_godwit") or self.code == UNKNOWN:
            lab.recover()
        else:
            procs.wait_until(lambda: not lab.journals(), 10, "the journals to be settled")

    def living_side(self):
        lab = self.lab
        if self.expected.place == "either":
            return lab.wait_one_runs()
        return {"source": lab.source, "destination": lab.destination, "none": None}[
            self.expected.place]

    def check_place(self):
        lab, living = self.lab, self.living_side()
        if living is not None:
            lab.wait_runs_only_on(living)
        if living is lab.source:
            self.check_settings()
        crashed = {"kill_source_qemu": [lab.source], "kill_destination_qemu": [lab.destination]}
        lab.check_nothing_left(living, crashed.get(self.name, ()))
        self.check_clock(living)

    def check_settings(self):
        """A source that goes on has its own again, but for one that hangs in "cancelling", which takes none."""
        source = self.lab.source
        if monitor_says(source, "query-migrate").get("status") != "cancelling":
            now = settings_of(source)
            if now != self.former:
                raise AssertionError("not as they were: %s" % [pair for pair in zip(self.former, now)
                                                               if pair[0] != pair[1]])

    def check_clock(self, living):
        """The guest's own clock proves it: no tick on a side that the guest never was handed to."""
        lab = self.lab
        if living is lab.destination:
            lab.check_clock()
            return
        lab.guest.check(lab.guest.read(lab.source.clock_path))
        if self.where in EARLY and lab.destination.beats() > 0:
            raise AssertionError("the guest ran on the destination without a commit")


MACHINES = {"7.2": env.OLD_MACHINE, "10.0": env.NEW_MACHINE}


def make_test(qemu, fault, where, kind):
    def test(self):
        with Lab(self.id(), qemu=qemu, machine=MACHINES[qemu], kind=kind) as lab:
            Case(lab, fault, where).run()
    test.__doc__ = "%s at the start of %s" % (fault, where)
    return test


def add_class(suffix, qemu, fault, wanted, kind=None):
    """The class of one fault: test_at_source_setup and so on."""
    tests = {"test_at_" + where.replace(":", "_"): make_test(qemu, fault, where, kind)
             for where in FAULTS[fault].phases if where in wanted}
    name = "".join(word.capitalize() for word in fault.split("_")) + suffix
    globals()[name] = type(name, (unittest.TestCase,), {"qemu": qemu, **tests})


def word(kind):
    """'TlsRelay' of 'tls-relay'."""
    return "".join(part.capitalize() for part in kind.split("-"))


for _fault in FAULTS:
    add_class("Old", "7.2", _fault, PHASES)
    if _fault in NEW_FAULTS:
        add_class("New", "10.0", _fault, NEW_PHASES)
for _kind, _qemu in KIND_QEMUS.items():
    for _fault in KIND_FAULTS:
        add_class(word(_kind), _qemu, _fault, KIND_PHASES, _kind)
for _kind, _qemu in BRIEF_QEMUS.items():
    for _fault in BRIEF_FAULTS:
        add_class(word(_kind) + ("New" if _qemu == "10.0" else "Old"), _qemu, _fault, BRIEF_PHASES, _kind)
