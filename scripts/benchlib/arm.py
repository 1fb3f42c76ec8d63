# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a way to migrate is, to the runs that compare them."""

import dataclasses
from typing import Callable

TIMEOUT_S = 120
WAITING = ("-S", "-incoming", "defer")


class NotConverged(Exception):
    """The way itself gave up, and the guest runs on at the source: an outcome, no failure."""


def start_both(run, arm):
    """The two QEMUs, the destination's waiting: what most ways begin with."""
    run.start_source()
    run.start_destination(*arm.incoming)


@dataclasses.dataclass(frozen=True)
class Arm:
    """One way to move a guest.

    move(run)        moves the guest and returns its part of the row: numbers in the unit of their name, absent
                     when not known. The wall time of the command is from before its first connection (a
                     program: its fork) until the source's QEMU is gone, so every way has to end that.
    incoming         how the destination's QEMU is told to wait
    start(run, arm)  what is up before the clock starts
    end(run)         what start() has to take down but for the QEMUs; also after a failure
    missing()        why it cannot be had on this machine or with these settings, or None
    base             the arm that it is compared with, beside the floor
    """

    name: str
    move: Callable
    incoming: tuple = WAITING
    start: Callable = start_both
    end: Callable = lambda run: None
    missing: Callable = lambda settings: None
    base: str = "plain"
