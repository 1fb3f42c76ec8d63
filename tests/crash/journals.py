# SPDX-License-Identifier: LGPL-2.1-or-later
"""Each line of each journal cannot be written, or its writer dies in it."""

import contextlib

from tests.live import procs
from tests.live.lab import Lab
from tests.live.witness import Witness

from .deaths import faulty, is_hit, start, wait_migrate
from .settle import check_one, settle

WAYS = ("once", "sticky", "half", "die", "die-after")
LINES = {
    "source": ("begin", "setup", "precopy", "commit", "running"),
    "destination": ("begin", "vgpus", "started", "prepare", "setup", "committed", "running", "restored"),
}


def with_line(way, side, line, kind, qemu):
    """One round: the journal of SIDE fails at LINE in that WAY."""
    with Lab("journal-%s-%s" % (way, line), kind=kind, qemu=qemu) as lab:
        def failing(where, binary):
            return faulty(lab, binary, ACTS_LINE=line, ACTS_HOW=way) if where == side else contextlib.nullcontext()

        lab.start_source()
        with failing("destination", "godwitd"):
            start(lab, lab.start_agent)
        with Witness(lab.source, lab.destination):
            with failing("source", "godwit"):
                migrate = lab.start_migrate()
            code = wait_migrate(lab, migrate, True)
            procs.wait_until(lambda: is_hit(lab), 10, "the line")
            # The agent that cannot write is ended: its disk has room again when the next one starts.
            lab.agent.kill()
            settle(lab)
            check_one(lab, code)
        lab.stop_agent()
