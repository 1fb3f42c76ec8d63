# SPDX-License-Identifier: LGPL-2.1-or-later
"""Stops a program under test at the start of one phase, with its own --hook, until the test lets it continue."""

import os
import shlex
import time

from . import procs

SCRIPT = """#!/bin/sh
printf '%s\\n' "$GODWIT_HOST:$GODWIT_PHASE:$GODWIT_VM" >>"$1/log"
[ "$GODWIT_HOST:$GODWIT_PHASE" = "$2" ] || exit 0
: >"$1/hit"
read -r status <"$1/go"
exit "$status"
"""


class Hook:
    """WHERE is "source:setup" or the like, or None to stop nowhere and only keep the log."""

    def __init__(self, folder, where=None):
        self.where = where
        self._folder = folder
        self._script = os.path.join(folder, "hook.sh")
        with open(self._script, "w", encoding="ascii") as file:
            file.write(SCRIPT)
        os.chmod(self._script, 0o755)
        os.mkfifo(os.path.join(folder, "go"))
        # Open for both directions: a hook whose program was killed must not leave us waiting.
        self._go = os.open(os.path.join(folder, "go"), os.O_RDWR)

    @property
    def command(self):
        """For the option --hook."""
        return shlex.join([self._script, self._folder, self.where or "nowhere"])

    def log(self):
        """The phases so far, as "source:connect"."""
        try:
            with open(os.path.join(self._folder, "log"), encoding="utf-8") as file:
                return [line.rsplit(":", 1)[0] for line in file.read().splitlines()]
        except FileNotFoundError:
            return []

    def wait(self, process, timeout_s=30.0):
        """Waits until the phase has come; AssertionError if PROCESS ends first."""
        hit = os.path.join(self._folder, "hit")

        def has_come():
            if os.path.exists(hit):
                return True
            if not process.is_alive():
                # It may have ended between the two looks.
                time.sleep(0.05)
                if not os.path.exists(hit):
                    raise AssertionError("ended before '%s' (%s): %s%s" % (
                        self.where, " ".join(self.log()), process.out, process.err))
            return False
        procs.wait_until(has_come, timeout_s, "phase " + str(self.where), 0.003)

    def go(self, status=0):
        """Lets the hook end with STATUS."""
        os.write(self._go, b"%d\n" % status)

    def close(self):
        os.close(self._go)
