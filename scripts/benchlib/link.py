# SPDX-License-Identifier: LGPL-2.1-or-later
"""The network of one run, in namespaces of its own.

On lo both directions share one device and its qdisc: an answer waits behind the data that goes the other
way. The veth pair, an end in each of two namespaces, has two directions as a cable has. The kernel's default
congestion control may be one that paces by itself (bbr), which is slow here: each namespace gets reno.
"""

import contextlib
import ctypes
import os
import subprocess

CLONE_NEWNET = 0x40000000
CONGESTION = "reno"
CONGESTION_PATH = "/proc/sys/net/ipv4/tcp_congestion_control"
OWN_NAMESPACE = "/proc/thread-self/ns/net"
SHAPED_MTU = "1500"
TBF = "rate 1gbit burst 128k latency 10ms"
LINKS = ("1gbit", "1gbit-veth", "unlimited")
GROUPS = {"both": ("1gbit", "unlimited"), "all": LINKS}


def run(*argv):
    return subprocess.run(argv, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          text=True).stdout


def check(result):
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, "network namespace: " + os.strerror(number))


class Link:
    """Use with `with`. This thread, and all that it starts, is at the source's end; see at_destination().

    LINK is one of LINKS. OSError or CalledProcessError when it cannot be made. What it made is gone with the
    last process that uses it.
    """

    def __init__(self, link):
        self.name = link
        self.device = "lo"
        self.address = "127.0.0.1"
        self.is_loopback = True
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._ends = []

    def __enter__(self):
        self._new_end()
        if self.name == "1gbit":
            self._shape()
        elif self.name == "1gbit-veth":
            self._lay_cable()
        return self

    def __exit__(self, kind, error, trace):
        for end in self._ends:
            os.close(end)

    def _new_end(self):
        check(self._libc.unshare(CLONE_NEWNET))
        self._ends.append(os.open(OWN_NAMESPACE, os.O_RDONLY | os.O_CLOEXEC))
        run("ip", "link", "set", "lo", "up")
        with open(CONGESTION_PATH, "w", encoding="ascii") as file:
            file.write(CONGESTION)

    def _shape(self):
        run("ip", "link", "set", self.device, "mtu", SHAPED_MTU)
        run("tc", "qdisc", "add", "dev", self.device, "root", "tbf", *TBF.split())

    def _lay_cable(self):
        """The first namespace becomes the destination's; this thread stays in the second."""
        self._new_end()
        self.device, self.address, self.is_loopback = "gw", "10.0.0.2", False
        run("ip", "link", "add", "gw", "type", "veth", "peer", "name", "gw", "netns",
            "/proc/%d/fd/%d" % (os.getpid(), self._ends[0]))
        self._set_up("10.0.0.1")
        with self.at_destination():
            self._set_up(self.address)

    def _set_up(self, address):
        self._shape()
        run("ip", "address", "add", address + "/24", "dev", self.device)
        run("ip", "link", "set", self.device, "up")

    @contextlib.contextmanager
    def at_destination(self):
        """What is started inside is at the destination's end."""
        check(self._libc.setns(self._ends[0], CLONE_NEWNET))
        try:
            yield
        finally:
            check(self._libc.setns(self._ends[-1], CLONE_NEWNET))

    def describe(self):
        """What this end really has. Not from /sys: it shows the namespace in which it was mounted."""
        with open(CONGESTION_PATH, encoding="ascii") as file:
            congestion = file.read().strip()
        shown = run("ip", "-o", "link", "show", self.device).split()
        return {"congestion_control": congestion, "mtu": int(shown[shown.index("mtu") + 1]),
                "device": self.device,
                "qdisc": run("tc", "qdisc", "show", "dev", self.device).strip()}
