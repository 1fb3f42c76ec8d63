# SPDX-License-Identifier: LGPL-2.1-or-later
"""Networks of our own, in namespaces: two ends, joined by cables that can be shaped and cut. Needs root.

The kernel's default congestion control may pace by itself (bbr), which is slow here, so each end gets reno. The
kernel removes each namespace after its last process has ended.
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
TBF = "rate %s burst 128k latency 10ms"
NOBODY = "02:00:00:00:de:ad"  # a hardware address that no device has


def run(*argv):
    return subprocess.run(argv, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          text=True).stdout


class Ends:
    """One or two namespaces. Use with `with`: this thread, and all that it starts, is at the source's end.

    OSError or CalledProcessError when they cannot be had.
    """

    def __init__(self, count=2):
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._count = count
        self._ends = []
        self._home = None

    def __enter__(self):
        self._home = os.open(OWN_NAMESPACE, os.O_RDONLY | os.O_CLOEXEC)
        for _ in range(self._count):
            self._new_end()
        return self

    def __exit__(self, kind, error, trace):
        self._go(self._home)
        for end in [*self._ends, self._home]:
            os.close(end)

    def _check(self, result):
        if result != 0:
            number = ctypes.get_errno()
            raise OSError(number, "network namespace: " + os.strerror(number))

    def _go(self, end):
        self._check(self._libc.setns(end, CLONE_NEWNET))

    def _new_end(self):
        self._check(self._libc.unshare(CLONE_NEWNET))
        self._ends.append(os.open(OWN_NAMESPACE, os.O_RDONLY | os.O_CLOEXEC))
        run("ip", "link", "set", "lo", "up")
        with open(CONGESTION_PATH, "w", encoding="ascii") as file:
            file.write(CONGESTION)

    @contextlib.contextmanager
    def _at(self, end):
        here = os.open(OWN_NAMESPACE, os.O_RDONLY | os.O_CLOEXEC)
        try:
            self._go(end)
            yield
        finally:
            self._go(here)
            os.close(here)

    def at_source(self):
        """What is started inside is at the source's end; for threads that are not there already."""
        return self._at(self._ends[-1])

    def at_destination(self):
        return self._at(self._ends[0])

    def lay_cable(self, number, rate=None):
        """A Cable between the two ends; shaped to RATE, as tc writes it, in both directions."""
        cable = Cable(self, number)
        run("ip", "link", "add", cable.device, "type", "veth", "peer", "name", cable.device, "netns",
            "/proc/%d/fd/%d" % (os.getpid(), self._ends[0]))
        cable.set_up(0, rate)
        with self.at_destination():
            cable.set_up(1, rate)
        return cable


class Cable:
    """A veth pair. SOURCE and DESTINATION are its IPv4 addresses, SOURCE6 and DESTINATION6 the others."""

    def __init__(self, ends, number):
        self._ends = ends
        self.device = "gw%d" % number
        self.source, self.destination = ["10.9.%d.%d" % (number, host) for host in (1, 2)]
        self.source6, self.destination6 = ["fd09:%d::%d" % (number, host) for host in (1, 2)]

    def set_up(self, end, rate):
        """This thread's end of it."""
        if rate is not None:
            shape(self.device, rate)
        for address in ((self.source + "/24", self.source6 + "/64"),
                        (self.destination + "/24", self.destination6 + "/64"))[end]:
            nodad = ["nodad"] if ":" in address else []
            run("ip", "address", "add", address, "dev", self.device, *nodad)
        run("ip", "link", "set", self.device, "up")

    def open_hole(self):
        """From now on all packets are lost in both directions, without an error."""
        with self._ends.at_source():
            self._misdirect(self.destination, self.destination6)
        with self._ends.at_destination():
            self._misdirect(self.source, self.source6)

    def narrow(self):
        """Frames of more than 1000 bytes are lost on the way to the destination, without an error; the source sends
        them."""
        run("ip", "link", "set", self.device, "mtu", "9000", "gso_max_segs", "1")
        with self._ends.at_destination():
            run("ip", "link", "set", self.device, "mtu", "1000")
            run("ip", "route", "change", self.destination.rsplit(".", 1)[0] + ".0/24", "dev", self.device,
                "advmss", "8960")

    def _misdirect(self, *addresses):
        for address in addresses:
            run("ip", "neighbour", "replace", address, "lladdr", NOBODY, "nud", "permanent", "dev",
                self.device)


def shape(device, rate):
    """A token bucket on DEVICE, and frames that are no longer than a network's."""
    run("ip", "link", "set", device, "mtu", SHAPED_MTU)
    run("tc", "qdisc", "add", "dev", device, "root", "tbf", *(TBF % rate).split())
