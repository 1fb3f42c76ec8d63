# SPDX-License-Identifier: LGPL-2.1-or-later
"""Watches both QEMUs all along a test: never may both run."""

import threading
import time

INTERVAL_S = 0.02
PATIENCE_S = 0.2


class Witness:
    """Samples the second monitors of both sides in a thread; use it in a `with` statement."""

    def __init__(self, *sides):
        self._sides = sides
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.samples = 0
        self.violation = None

    def _statuses(self):
        return [side.status(PATIENCE_S) for side in self._sides]

    def _run(self):
        while not self._stop.is_set():
            first, second = self._statuses(), self._statuses()
            self.samples += 1
            # A guest that moved between two questions looks as if it were in both places: ask each twice.
            running = [i for i in range(len(first)) if first[i] == second[i] == "running"]
            if len(running) > 1:
                self.violation = "two copies were running"
            time.sleep(INTERVAL_S)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, kind, error, trace):
        self._stop.set()
        self._thread.join()
        if error is None and self.violation is not None:
            raise AssertionError(self.violation)
