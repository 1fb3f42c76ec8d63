#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Writes the fuzzer's first inputs: short streams that have one of everything.

usage: seeds.py FOLDER
"""

import os
import struct
import sys

TAGS = {name: struct.pack(">Q", 0xffffffffef100000 + number) for name, number in
        (("end", 1), ("configuration", 2), ("setup", 3), ("data", 4), ("initial-sent", 5), ("load-ready", 6))}
VFIO = b"0000:00:05.0/vfio"


def name(text):
    return bytes([len(text)]) + text


def header(*parts):
    return b"QEVM" + struct.pack(">I", 3) + b"\7" + struct.pack(">I", 2) + b"pc" + b"".join(parts)


def part(text, content):
    return b"\5" + name(b"configuration/" + text) + struct.pack(">I", 1) + content


def begin(kind, number, text, body, version=1):
    return struct.pack(">BI", kind, number) + name(text) + struct.pack(">II", 0, version) + body + footer(number)


def more(kind, number, body):
    return struct.pack(">BI", kind, number) + body + footer(number)


def footer(number):
    return struct.pack(">BI", 0x7e, number)


def record(flags, rest=b""):
    return struct.pack(">Q", flags) + rest


def vfio_data(count):
    return TAGS["data"] + struct.pack(">Q", count) + bytes(count)


def packet(flags, rest):
    return struct.pack(">III", 0x11223344, 1, flags) + rest


def pages(flags, most, count, zero, data):
    return packet(flags, struct.pack(">IIIQI", most, count, len(data), 1, zero) + bytes(28 + 256 + 8 * (most or 128))
                  + data)


def device(data):
    return packet(0x40, VFIO.ljust(256, b"\0") + struct.pack(">II", 0, len(data)) + data)


def multifd(*packets):
    return struct.pack(">II", 0x11223344, 1) + bytes(56) + b"".join(packets)


RAM = begin(1, 2, b"ram", record(0x1004, name(b"pc.ram") + struct.pack(">Q", 0x1000)) + record(0x10), 4)
PASS = more(2, 2, record(0x02, name(b"pc.ram") + b"\0") + record(0x1022, b"\0")
            + record(0x60, b"\1" + struct.pack(">H", 4) + bytes(4)) + record(0x120, struct.pack(">I", 3) + bytes(3))
            + record(0x10))
LAST = more(3, 2, record(0x200) + record(0x10))
COMMANDS = struct.pack(">BHH", 8, 1, 0) + struct.pack(">BHHI", 8, 2, 4, 1)
SWITCHOVER = struct.pack(">BHH", 8, 11, 0)
TIMER = begin(4, 0, b"timer", bytes.fromhex("0102037e00000000") + bytes(8))
END = b"\0" + struct.pack(">BI", 6, 2) + b"{}"
GPU = [begin(1, 7, VFIO, TAGS["setup"] + TAGS["end"]), more(2, 7, vfio_data(9) + TAGS["initial-sent"]),
       more(3, 7, vfio_data(5) + TAGS["end"]),
       begin(4, 7, VFIO, TAGS["configuration"] + b"table" + TAGS["end"]), begin(4, 7, VFIO, TAGS["load-ready"])]
CONFIGURATION = [part(b"target-page-bits", struct.pack(">I", 10)),
                 part(b"capabilities", struct.pack(">I", 1) + name(b"x-ignore-shared")), part(b"uuid", bytes(16))]
SMALL_PAGE = more(2, 2, record(0x28, bytes(1024)) + record(0x10))
CHANNEL = multifd(pages(1, 4, 0, 0, b""), pages(0, 4, 1, 2, bytes(20)), pages(1, 0, 0, 0, b"")[:-992],
                  device(struct.pack(">III", 0, 0, 0) + bytes(9)),
                  device(struct.pack(">III", 0, 1, 1) + TAGS["configuration"] + b"table" + TAGS["end"]))
MAIN = header() + COMMANDS + RAM + GPU[0] + PASS + GPU[1] + SWITCHOVER + LAST + GPU[2] + TIMER + GPU[3] + END
RETURN = struct.pack(">HHI", 2, 4, 1) + struct.pack(">HH", 7, 0) + struct.pack(">HHI", 1, 4, 0)


def several(*pieces):
    return b"\0" + b"".join(struct.pack(">BH", channel, len(data)) + data for channel, data in pieces)


SEEDS = {
    "main": MAIN,
    "configuration": header(*CONFIGURATION) + begin(4, 9, b"early", b"~~~") + begin(1, 2, b"ram", record(0x10), 4)
    + SMALL_PAGE + LAST + TIMER + b"\0",
    "multifd": CHANNEL,
    "return": RETURN,
    "several": several((0, MAIN[:90]), (1, CHANNEL[:700]), (0, MAIN[90:]), (1, CHANNEL[700:]), (3, RETURN)),
    "load-ready": header() + GPU[0] + GPU[4] + END,
}


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    os.makedirs(sys.argv[1], exist_ok=True)
    for file_name, data in SEEDS.items():
        with open(os.path.join(sys.argv[1], file_name), "wb") as file:
            file.write(data)


if __name__ == "__main__":
    main()
