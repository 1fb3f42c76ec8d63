# SPDX-License-Identifier: LGPL-2.1-or-later
"""A folder for one test. No process with a path of this folder on its command line outlives the test."""

import os
import shutil
import signal
import tempfile

from . import procs


class Scratch:
    """Use with `with`. On the way out every process that mentions the folder is ended, and it is removed.

    KEEP_SCRATCH=1 in the environment keeps the folder of a test that failed.
    """

    def __init__(self, label):
        self.label = label.rsplit(".", 1)[-1]
        self.folder = None
        self.sides = []

    def __enter__(self):
        # Short: UNIX socket paths have 107 bytes.
        self.folder = tempfile.mkdtemp(prefix="gw-")
        return self

    def path(self, name):
        """A new folder in it."""
        folder = os.path.join(self.folder, name)
        os.mkdir(folder)
        return folder

    def processes(self):
        """What runs of this test's, helpers of the test runner included."""
        return procs.mentioning(self.folder + "/")

    def __exit__(self, kind, error, trace):
        for side in self.sides:
            side.forget()
        for pid in self.processes():
            procs.send(pid, signal.SIGCONT)
            procs.kill_and_wait(pid)
        if error is not None and os.environ.get("KEEP_SCRATCH"):
            print("%s: kept %s" % (self.label, self.folder))
            return
        shutil.rmtree(self.folder, ignore_errors=True)
