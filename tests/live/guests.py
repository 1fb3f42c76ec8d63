# SPDX-License-Identifier: LGPL-2.1-or-later
"""The two guests: QEMU's options for them, and how to read their clocks. See tests/guests."""

import os
import re
import struct

from . import env

PIT_HZ = 1193182
TICK_MODULUS = 128
TICK_DAMAGED = 0xff
TICK_PARAMETERS = 0x1e0
IMAGE_BYTES = 1 << 20
PAGE_BYTES = 4096

# QEMU up to 8.x under TCG loses writes when a RAM block is a multiple of 64 pages: its bitmap is then read by
# words and the vCPUs' TLBs are not told, so a page that stays in one is not seen dirty again (the kernel's
# hottest ones, each time once there are several passes; plain `migrate tcp:` too). An odd size takes the
# other path, which tells them.
ODD_KIB = 8

COMMON = ("-accel tcg -nodefaults -no-user-config -display none -boot strict=on "
          "-qmp unix:${qmp},server=on,wait=off").split()


def read_joined(paths):
    """The bytes of several files as one; a file that is not there is empty."""
    data = b""
    for path in paths:
        if os.path.exists(path):
            with open(path, "rb") as file:
                data += file.read()
    return data


class Guest:
    """What both have: RAM_MIB, and a little more."""

    def __init__(self, ram_mib):
        self.ram_mib = ram_mib
        self.ram_bytes = (ram_mib << 20) + (ODD_KIB << 10)

    def memory_options(self):
        return ["-m", "%dk" % (self.ram_bytes >> 10)]


class TickGuest(Guest):
    """A boot sector: PAGES of RAM in use, of the first HOT of them (all) DIRTY rewritten each INTERVAL_US.

    With REST, a power of two, it does so for that many ticks and rests for as many, in turn.
    """

    kind = "tick"

    def __init__(self, ram_mib=32, pages=None, dirty=16, interval_us=2000, hot=None, rest=0):
        super().__init__(ram_mib)
        self.rest = rest
        # The first MiB is not the guest's, and the last is left to the firmware.
        self.pages = pages if pages is not None else (ram_mib - 2) * 256
        self.hot = min(hot or self.pages, self.pages)
        self.dirty = dirty
        self.interval_us = interval_us

    def prepare(self, folder):
        """Writes the disk image, longer than a sector: SeaBIOS boots no other."""
        with open(os.path.join(env.guests_dir(), "tick.bin"), "rb") as file:
            image = bytearray(file.read())
        if image[TICK_PARAMETERS:TICK_PARAMETERS + 8] != b"GWTICK\0\0":
            raise AssertionError("tick.bin has no parameter table")
        divisor = self.interval_us * PIT_HZ // 1000000
        struct.pack_into("<IIIII", image, TICK_PARAMETERS + 8, self.pages, self.dirty, divisor, self.hot, self.rest)
        with open(os.path.join(folder, "tick.img"), "wb") as file:
            file.write(image.ljust(IMAGE_BYTES, b"\0"))

    def options(self, folder, clock):
        disk = "file=%s/tick.img,format=raw,if=virtio,readonly=on" % folder
        return self.memory_options() + [
            "-drive", disk, "-chardev", "file,id=clock,path=%s" % clock,
            "-device", "isa-debugcon,iobase=0xe9,chardev=clock"]

    @staticmethod
    def read(*paths):
        """The ticks so far, numbers modulo TICK_MODULUS, of one guest that ran here and then there."""
        return list(read_joined(paths))

    @staticmethod
    def check(beats):
        """Raises unless BEATS are consecutive from the guest's start on."""
        for index, beat in enumerate(beats):
            if beat == TICK_DAMAGED:
                raise AssertionError("memory was damaged before tick %d" % index)
            if beat != index % TICK_MODULUS:
                raise AssertionError("tick %d came as %d" % (index, beat))


# Without cmpxchg16b, which kills a kernel now and then: see CPU in tests/lab/vm.py.
CPU = "qemu64,-cx16"


class LinuxGuest(Guest):
    """Debian's kernel with one program of ours."""

    kind = "linux"

    def __init__(self, ram_mib=128, memory_mib=32, rate_mib_s=8):
        super().__init__(ram_mib)
        self.settings = "gw.mb=%d gw.rate=%d" % (memory_mib, rate_mib_s)

    def prepare(self, folder):
        """Nothing of its own is needed: both files are read-only and shared."""
        env.guests_dir()

    def options(self, folder, clock):
        guests = env.guests_dir()
        words = "console=ttyS0 quiet loglevel=0 panic=-1 nokaslr " + self.settings
        return self.memory_options() + [
            "-cpu", CPU, "-kernel", guests + "/kernel", "-initrd", guests + "/initramfs", "-append", words,
            "-chardev", "file,id=clock,path=%s" % clock, "-serial", "chardev:clock"]

    @staticmethod
    def read(*paths):
        """The heartbeats so far, of one guest that ran here and then there: the move may split a line.

        Whatever else was printed is an error. A last line that is not complete is left out.
        """
        text = read_joined(paths).decode("ascii", "replace")
        beats = []
        for line in text[:text.rfind("\n") + 1].replace("\r", "").splitlines():
            beat = re.fullmatch(r"heartbeat (\d+)", line)
            if beat is None:
                raise AssertionError("the guest said '%s'" % line)
            beats.append(int(beat.group(1)))
        return beats

    @staticmethod
    def check(beats):
        """Raises unless BEATS count up from 0."""
        if beats != list(range(len(beats))):
            wrong = next(i for i, beat in enumerate(beats) if beat != i)
            raise AssertionError("heartbeat %d came as %d" % (wrong, beats[wrong]))
