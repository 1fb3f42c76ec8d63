#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Stamps the guest's ticks of all sides by one clock.

usage: tickreader.py SOCKET FILE [SOCKET FILE]...

Listens on each SOCKET for the QEMU of one side. For each byte a record of struct "<qB" goes to its FILE: the
CLOCK_MONOTONIC nanoseconds at which it was read, and the byte. Runs until SIGTERM. A process of its own, and
of a real-time class where that is permitted, so that nothing else here delays a stamp.
"""

import gc
import os
import select
import signal
import socket
import struct
import sys
import time

RECORD = struct.Struct("<qB")
FLUSH_MS = 100


def become_prompt():
    """Real-time where we may. The stamps' only garbage is small: no collector's pauses either."""
    gc.disable()
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    except PermissionError:
        pass


def listen(path):
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(path + ".new")
    listener.listen(1)
    # Its name is there only when it listens.
    os.rename(path + ".new", path)
    return listener


def stamp(data, file):
    now_ns = time.monotonic_ns()
    for byte in data:
        file.write(RECORD.pack(now_ns, byte))


def serve(pairs):
    """PAIRS of (listener, file). Never returns."""
    poll = select.poll()
    files = {}
    streams = {}
    for listener, file in pairs:
        files[listener.fileno()] = (listener, file)
        poll.register(listener, select.POLLIN)
    flushed = 0.0
    while True:
        for fd, _ in poll.poll(FLUSH_MS):
            if fd in files:
                listener, file = files[fd]
                stream = listener.accept()[0]
                streams[stream.fileno()] = (stream, file)
                poll.register(stream, select.POLLIN)
                continue
            stream, file = streams[fd]
            data = stream.recv(4096)
            stamp(data, file)
            if not data:
                poll.unregister(fd)
                del streams[fd]
        if time.monotonic() - flushed > FLUSH_MS / 1e3:
            flushed = time.monotonic()
            for _, file in pairs:
                file.flush()


def main():
    if len(sys.argv) < 3 or len(sys.argv) % 2 == 0:
        sys.exit(__doc__)
    pairs = [(listen(sys.argv[at]), open(sys.argv[at + 1], "wb")) for at in range(1, len(sys.argv), 2)]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    become_prompt()
    try:
        serve(pairs)
    finally:
        for _, file in pairs:
            file.close()


if __name__ == "__main__":
    main()
