#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Builds the two guests into a folder: tick.bin, kernel and initramfs.

usage: build.py FOLDER

Makes only what is missing or older than its source, each file in one step (written beside, then renamed).
The kernel is Debian's for the cloud, taken out of its package: the machine's own /boot is not touched.
"""

import fcntl
import glob
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
KERNEL_PACKAGE = "linux-image-cloud-amd64"


def run(*argv, **more):
    """Runs a command quietly; a failure ends us with its words."""
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, check=False, **more)
    if done.returncode != 0:
        sys.stderr.buffer.write(done.stdout + done.stderr)
        sys.exit("build.py: '%s' failed" % " ".join(argv))
    return done.stdout


def is_fresh(target, *sources):
    """Is TARGET there, and no SOURCE younger?"""
    if not os.path.exists(target):
        return False
    made = os.path.getmtime(target)
    return all(os.path.getmtime(source) <= made for source in sources)


def put(target, data):
    """Writes a file in one step."""
    with open(target + ".part", "wb") as out:
        out.write(data)
    os.rename(target + ".part", target)


def build_tick(folder):
    """The boot sector with its parameters still zero; guests.py fills them in."""
    source, target = os.path.join(HERE, "tick.S"), os.path.join(folder, "tick.bin")
    if is_fresh(target, source):
        return
    with tempfile.TemporaryDirectory() as scratch:
        thing, binary = os.path.join(scratch, "tick.o"), os.path.join(scratch, "tick.bin")
        run("as", "--32", "-o", thing, source)
        run("ld", "-m", "elf_i386", "-Ttext", "0x7c00", "--oformat", "binary", "-o", binary, thing)
        with open(binary, "rb") as made:
            data = made.read()
    if len(data) != 512 or data[510:] != b"\x55\xaa":
        sys.exit("build.py: tick.S does not make a boot sector")
    put(target, data)


def cpio_entry(number, name, mode, data):
    """One member of a "newc" archive, all times and owners zero."""
    fields = (number, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0)
    head = b"070701" + b"".join(b"%08X" % field for field in fields) + name + b"\0"
    return head + b"\0" * (-len(head) % 4) + data + b"\0" * (-len(data) % 4)


def build_initramfs(folder):
    """An archive with one program, /init: no tool that makes device nodes, and so no root, is needed."""
    source, target = os.path.join(HERE, "heart.c"), os.path.join(folder, "initramfs")
    if is_fresh(target, source, __file__):
        return
    with tempfile.TemporaryDirectory() as scratch:
        program = os.path.join(scratch, "init")
        run("gcc", "-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-static", "-s",
            "-o", program, source)
        with open(program, "rb") as made:
            data = made.read()
    put(target, cpio_entry(1, b"init", 0o100755, data)
        + cpio_entry(2, b"dev", 0o040755, b"") + cpio_entry(3, b"proc", 0o040755, b"")
        + cpio_entry(0, b"TRAILER!!!", 0, b""))


def kernel_dependency():
    """The package behind Debian's name that is always the newest kernel."""
    listed = subprocess.run(["apt-cache", "depends", "--important", KERNEL_PACKAGE],
                            capture_output=True, text=True, check=False).stdout
    names = [line.split()[1] for line in listed.splitlines() if "Depends:" in line]
    return names[0] if names else None


def download_kernel(scratch):
    """Fetches the package, the package lists first if they are missing or stale; returns its path."""
    for attempt in range(2):
        package = kernel_dependency()
        if package is not None:
            done = subprocess.run(["apt-get", "-qq", "download", package], cwd=scratch,
                                  stdin=subprocess.DEVNULL, capture_output=True, check=False)
            if done.returncode == 0:
                return os.path.join(scratch, os.listdir(scratch)[0])
        if attempt == 0:
            run(*([] if os.getuid() == 0 else ["sudo", "--"]), "apt-get", "-qq", "update")
    sys.exit("build.py: the package '%s' cannot be downloaded" % (package or KERNEL_PACKAGE))


def build_kernel(folder):
    """Debian's kernel image, out of its package."""
    target = os.path.join(folder, "kernel")
    if os.path.exists(target):
        return
    with tempfile.TemporaryDirectory() as scratch:
        os.chmod(scratch, 0o755)  # apt's own user writes the download
        package = download_kernel(scratch)
        run("dpkg-deb", "-x", package, os.path.join(scratch, "tree"))
        images = glob.glob(os.path.join(scratch, "tree", "boot", "vmlinuz-*"))
        with open(images[0], "rb") as image:
            data = image.read()
    put(target, data)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    folder = sys.argv[1]
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, ".lock"), "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        build_tick(folder)
        build_initramfs(folder)
        build_kernel(folder)


if __name__ == "__main__":
    main()
