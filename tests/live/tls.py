# SPDX-License-Identifier: LGPL-2.1-or-later
"""Certificates for the live tests, by `godwit pki` itself."""

import os
import subprocess

from . import env


def make(folder, *arguments):
    """`godwit pki ARGUMENTS`; AssertionError with its words if it fails."""
    done = subprocess.run([env.binary("godwit"), "pki", *map(str, arguments)], cwd=folder, text=True,
                          stdin=subprocess.DEVNULL, capture_output=True, check=False)
    if done.returncode != 0:
        raise AssertionError("godwit pki %s: %s" % (" ".join(map(str, arguments)), done.stderr))


class Authority:
    """One in FOLDER/NAME; made if it is not there."""

    def __init__(self, folder, name="pki"):
        self.folder = os.path.join(folder, name)
        if not os.path.exists(self.folder):
            make(folder, "init", name)

    def host(self, name, *addresses, days=30):
        """The folder for --tls-dir on the host NAME."""
        make(self.folder, "host", ".", name, *addresses, "--days", days)
        return os.path.join(self.folder, name)
