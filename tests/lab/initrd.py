#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Makes the lab's initial ramdisk: a busybox and the few modules that mount the disk. Boots faster than Debian's.

usage: initrd.py ROOT OUTPUT

ROOT is the tree of the Debian root; its kernel's modules and its busybox are used.
"""

import glob
import lzma
import os
import re
import sys

MODULES = ("virtio_blk", "ext4")

INIT = """#!/bin/busybox sh
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t devtmpfs dev /dev
for module in %s; do
	/bin/busybox insmod "/modules/$module.ko" || echo "lab: no $module"
done
for try in 1 2 3 4 5 6 7 8 9 10; do
	[ ! -b /dev/vda ] || break
	/bin/busybox sleep 0.2
done
/bin/busybox mount -t ext4 -o noatime /dev/vda /root || /bin/busybox poweroff -f
/bin/busybox mount --move /dev /root/dev
/bin/busybox umount /proc
exec /bin/busybox switch_root /root /sbin/lab-init
"""


def entry(number, name, mode, data=b""):
    """One member of a "newc" archive, all times and owners zero."""
    fields = (number, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0)
    head = b"070701" + b"".join(b"%08X" % field for field in fields) + name.encode() + b"\0"
    return head + b"\0" * (-len(head) % 4) + data + b"\0" * (-len(data) % 4)


def needed(folder):
    """The paths of MODULES and what they need, in the order to insert them."""
    order = []
    depends = {}
    with open(os.path.join(folder, "modules.dep"), encoding="ascii") as file:
        for line in file:
            path, others = line.rstrip().split(":")
            depends[path] = others.split()
    names = {re.sub(r"\.ko.*", "", os.path.basename(path)): path for path in depends}
    # modules.dep names every one that is needed, the deepest last.
    soft = [name for name in ("crc32c_generic",) if name in names]
    for name in soft + list(MODULES):
        path = names[name]
        for one in list(reversed(depends[path])) + [path]:
            if one not in order:
                order.append(one)
    return order


def read_module(path):
    with open(path, "rb") as file:
        data = file.read()
    return lzma.decompress(data) if path.endswith(".xz") else data


def main(root, output):
    folder, = glob.glob(os.path.join(root, "lib/modules/*"))
    with open(os.path.join(root, "bin/busybox"), "rb") as file:
        members = [("bin/busybox", 0o100755, file.read())]
    names = []
    for path in needed(folder):
        names.append(re.sub(r"\.ko.*", "", os.path.basename(path)))
        members.append(("modules/%s.ko" % names[-1], 0o100644,
                        read_module(os.path.join(folder, path))))
    members.append(("init", 0o100755, (INIT % " ".join(names)).encode()))
    folders = [(name, 0o040755, b"") for name in ("bin", "dev", "modules", "proc", "root")]
    data = b"".join(entry(number, *member)
                    for number, member in enumerate(folders + members, 1))
    with open(output, "wb") as out:
        out.write(data + entry(0, "TRAILER!!!", 0))


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
