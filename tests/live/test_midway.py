# SPDX-License-Identifier: LGPL-2.1-or-later
"""Faults in the middle of pre-copy, while the stream flows, and a cancel that races with the switchover."""

import time
import unittest

from . import env
from .faults import FAULTS
from .lab import CANCELLED, FAILED, Lab, RUNS_ON_DESTINATION, SLOWLY, monitor_says
from .test_handover import KIND_QEMUS, MACHINES, Case
from .witness import Witness

RACE_DELAYS_MS = (0, 0, 0, 0.2, 0.5, 1, 1.5, 2, 3, 5, 8, 12)


class MidwayCase(Case):
    """As at the start of a phase, but with the memory on its way."""

    def __init__(self, lab, fault):
        super().__init__(lab, fault, "source:precopy")

    def run(self):
        lab = self.lab
        self.start_source()
        lab.start_agent()
        lab.use_proxy()
        with Witness(lab.source, lab.destination):
            migrate = lab.start_migrate(*SLOWLY)
            lab.wait_flow(migrate)
            self.fault.act(lab, migrate)
            self.code = migrate.wait(60)
            self.output = migrate.out + migrate.err
            self.check_code()
            self.settle()
            self.check_place()


def make_midway(qemu, fault, kind):
    def test(self):
        with Lab(self.id(), qemu=qemu, machine=MACHINES[qemu], kind=kind) as lab:
            MidwayCase(lab, fault).run()
    return test


def make_midway_class(name, qemu, kind=None):
    tests = {"test_" + fault: make_midway(qemu, fault, kind) for fault in FAULTS}
    return type(name, (unittest.TestCase,), {"qemu": qemu, **tests})


MidwayOld = make_midway_class("MidwayOld", "7.2")
MidwayNew = make_midway_class("MidwayNew", "10.0")
MidwayRelay = make_midway_class("MidwayRelay", KIND_QEMUS["relay"], "relay")
MidwayMultifd = make_midway_class("MidwayMultifd", KIND_QEMUS["multifd2"], "multifd2")


class CancelRace(unittest.TestCase):
    """Somebody else cancels QEMU's migration around `migrate-continue`: the destination may have all of it
    and the source runs on, so the guest must not be started there."""

    def race_once(self, qemu, machine, delay_ms):
        with Lab(self.id(), qemu=qemu, machine=machine) as lab:
            hook = lab.hook("source:switchover")
            lab.start_source()
            lab.start_agent()
            with Witness(lab.source, lab.destination):
                migrate = lab.start_migrate("--hook", hook.command)
                hook.wait(migrate)
                hook.go()
                time.sleep(delay_ms / 1e3)
                monitor_says(lab.source, "migrate_cancel")
                code = migrate.wait(60)
                self.assertIn(code, (RUNS_ON_DESTINATION, FAILED, CANCELLED), migrate.err)
                living = lab.destination if code == RUNS_ON_DESTINATION else lab.source
                lab.wait_runs_only_on(living)
            lab.check_nothing_left(living)
            if living is lab.source:
                self.assertEqual(lab.destination.beats(), 0)
            lab.check_clock()
            return code

    def race(self, qemu, machine):
        codes = [self.race_once(qemu, machine, delay_ms) for delay_ms in RACE_DELAYS_MS]
        # At once is before QEMU can have sent its last byte: at least one of them must have hit.
        self.assertTrue({FAILED, CANCELLED} & set(codes), codes)

    def test_old(self):
        self.race("7.2", env.OLD_MACHINE)

    def test_new(self):
        self.race("10.0", env.NEW_MACHINE)
