# SPDX-License-Identifier: LGPL-2.1-or-later
"""All ways to migrate, and the sets in which they are usually compared."""

from . import godwit_arms, libvirt_arms, plain_arms, policy_arms, tls_arms

MODULES = (plain_arms, godwit_arms, tls_arms, libvirt_arms, policy_arms)
ARMS = {arm.name: arm for module in MODULES for arm in module.ARMS}
FLOOR = "plain"
ENGINE = "godwit"

SETS = {
    "floor": ("plain", "plain-s", "godwit"),
    "libvirt": ("plain", "godwit", "godwit-vm", "libvirt", "libvirt-tunnelled"),
    "tls": ("plain", "godwit", "qemu-tls", "qemu-tls-4", "godwit-tls", "godwit-tls-4"),
    "channels": ("plain", "plain-multifd2", "plain-multifd4", "socat", "godwit", "relay", "multifd2",
                 "multifd4"),
    "account": ("plain", "relay", "relay-account"),
    "flood": ("plain", "godwit", "flood", "godwit-tls", "flood-tls"),
    "knobs": ("plain", "godwit", "godwit-off", "relay", "relay-off", "multifd2", "multifd2-off",
              "godwit-tls", "godwit-tls-off"),
    "queue": ("plain", "godwit", "godwit-off", "queue-16k", "queue-512k"),
    "congestion": ("plain", "godwit", "cubic", "bbr"),
    "cables": ("plain", "multifd2", "multifd2-bind", "multifd2-bind-off"),
    "policies": ("plain-s", "fixed-300", "proxmox", "ovirt", "vep291", "godwit"),
    "all": tuple(ARMS),
}


def choose(words):
    """The arms that WORDS ("floor,libvirt-tunnelled") name, in the table's order; ValueError for another word.

    The floor is always among them.
    """
    wanted = {FLOOR}
    for word in words.split(","):
        if word not in SETS and word not in ARMS:
            raise ValueError(word)
        wanted.update(SETS.get(word, (word,)))
    return [arm for arm in ARMS.values() if arm.name in wanted]
