# SPDX-License-Identifier: LGPL-2.1-or-later
"""Where the binaries, the QEMUs and the guests are."""

import functools
import os
import subprocess

CHECKOUT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SCRIPTS = os.path.join(CHECKOUT, "scripts")

# Machine types that both QEMUs know; the first is each one's own newest.
OLD_MACHINE = "pc-q35-7.2"
NEW_MACHINE = "pc-q35-10.0"


def build_dir():
    """The folder in which meson built: GODWIT_BUILD, or build/ in the checkout."""
    return os.path.abspath(os.environ.get("GODWIT_BUILD", os.path.join(CHECKOUT, "build")))


def binary(name):
    """The path of 'godwit' or 'godwitd'."""
    return os.path.join(build_dir(), "tools", name)


@functools.lru_cache(maxsize=None)
def qemu(version):
    """The binary of QEMU VERSION: '7.2' is the machine's own, '10.0' is unpacked into the cache."""
    if version == "7.2":
        return "qemu-system-x86_64"
    if version == "10.0":
        made = subprocess.run([os.path.join(SCRIPTS, "qemu-root"), "trixie"], check=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        return made.stdout.strip()
    raise ValueError("no QEMU '%s' here" % version)


@functools.lru_cache(maxsize=None)
def guests_dir():
    """The folder with the built guests; builds what is missing."""
    made = subprocess.run([os.path.join(SCRIPTS, "guests")], check=True,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    return made.stdout.strip()
