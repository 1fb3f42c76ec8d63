# SPDX-License-Identifier: LGPL-2.1-or-later
"""The network of one run, in separate namespaces.

On lo both directions share one device and its qdisc: an answer waits behind the data that goes the other
way. A cable, a veth pair with an end in each of two namespaces, has two directions as a real one has.
"""

import re

from tests.live.network import CONGESTION_PATH, Ends, run, shape

# NAME: cables (0: lo), and the rate of each; None: as fast as the CPU.
LINKS = {
    "1gbit": (0, "1gbit"),
    "unlimited": (0, None),
    "1gbit-veth": (1, "1gbit"),
    "200mbit-veth": (1, "200mbit"),
    "500mbit-veth": (1, "500mbit"),
    "2x500mbit-veth": (2, "500mbit"),
}
# tbf counts whole frames, but not what is between them on a wire: 1500 bytes and Ethernet's 14. IPv4 takes 20 of them, TCP
# with its time stamps 32.
FRAME_BYTES, CARRIED_BYTES = 1514, 1448
UNITS_MBIT = {"mbit": 1, "gbit": 1000}
GROUPS = {"both": ("1gbit", "unlimited"), "all": ("1gbit", "1gbit-veth", "unlimited")}


class Link(Ends):
    """Use with `with`. This thread, and all that it starts, is at the source's end; see at_destination().

    LINK is one of LINKS. OSError or CalledProcessError when it cannot be made. What it made is gone with the
    last process that uses it.
    """

    def __init__(self, link):
        n_cables, self.rate = LINKS[link]
        super().__init__(2 if n_cables > 0 else 1)
        self.name = link
        self.is_loopback = n_cables == 0
        self.device, self.address = "lo", "127.0.0.1"
        self.cables = []
        self._n_cables = n_cables

    def __enter__(self):
        super().__enter__()
        if self.is_loopback and self.rate is not None:
            shape("lo", self.rate)
        self.cables = [self.lay_cable(number, self.rate) for number in range(self._n_cables)]
        if self.cables:
            self.device, self.address = self.cables[0].device, self.cables[0].destination
        return self

    def carried_mbit(self):
        """What TCP's data may get of the rate, all cables together; None without one."""
        if self.rate is None:
            return None
        number, unit = re.fullmatch(r"(\d+)(mbit|gbit)", self.rate).groups()
        return int(number) * UNITS_MBIT[unit] * max(len(self.cables), 1) * CARRIED_BYTES / FRAME_BYTES

    def describe(self):
        """What this end really has. Not from /sys: it shows the namespace in which it was mounted."""
        with open(CONGESTION_PATH, encoding="ascii") as file:
            congestion = file.read().strip()
        shown = run("ip", "-o", "link", "show", self.device).split()
        return {"congestion_control": congestion, "mtu": int(shown[shown.index("mtu") + 1]),
                "device": self.device, "cables": len(self.cables),
                "qdisc": run("tc", "qdisc", "show", "dev", self.device).strip()}
