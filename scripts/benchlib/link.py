# SPDX-License-Identifier: LGPL-2.1-or-later
"""The network of one run: a namespace of its own, in which there is only lo.

Both directions share lo and its qdisc. The kernel's default congestion control may be one that paces by
itself (bbr), which is slow on lo: each namespace gets reno explicitly.
"""

import ctypes
import os
import subprocess

CLONE_NEWNET = 0x40000000
CONGESTION = "reno"
CONGESTION_PATH = "/proc/sys/net/ipv4/tcp_congestion_control"
SHAPED_MTU = 1500
TBF = "rate 1gbit burst 128k latency 10ms"
LINKS = ("1gbit", "unlimited")


def run(*argv):
    return subprocess.run(argv, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          text=True).stdout


def enter(link):
    """Moves this thread, and all that it starts, into a new namespace with LINK. OSError if not permitted."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNET) != 0:
        number = ctypes.get_errno()
        raise OSError(number, "a network namespace: " + os.strerror(number))
    if link == "1gbit":
        run("ip", "link", "set", "lo", "mtu", str(SHAPED_MTU))
        run("tc", "qdisc", "add", "dev", "lo", "root", "tbf", *TBF.split())
    run("ip", "link", "set", "lo", "up")
    with open(CONGESTION_PATH, "w", encoding="ascii") as file:
        file.write(CONGESTION)


def describe():
    """What this namespace really has."""
    with open(CONGESTION_PATH, encoding="ascii") as file:
        congestion = file.read().strip()
    # Not from /sys: it shows the namespace in which it was mounted.
    shown = run("ip", "-o", "link", "show", "lo").split()
    return {"congestion_control": congestion, "mtu": int(shown[shown.index("mtu") + 1]),
            "qdisc": run("tc", "qdisc", "show", "dev", "lo").strip()}
