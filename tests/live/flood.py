#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Strangers at an agent's port: RATE connections a second for SECONDS, from loopback, of each hostile kind in turn.

usage: flood.py PORT RATE SECONDS

Prints "begun", then how many were made, and how many were refused by the kernel. No certificate is needed for any of it.
"""

import collections
import os
import signal
import socket
import ssl
import subprocess
import sys
import time

HELD = 300  # of those that say nothing more, at a time
HELLO = b'{"type": "hello", "id": 1, "versions": [2, 2]}\n'


def client_hello():
    """The first message of a real handshake."""
    out = ssl.MemoryBIO()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["godwit/1"])
    try:
        context.wrap_bio(ssl.MemoryBIO(), out).do_handshake()
    except ssl.SSLWantReadError:
        pass
    return out.read()


# What is said, and whether the connection is held open then.
KINDS = ((b"", False), (b"", True), (b"GET / HTTP/1.1\r\n\r\n", False), (b"{", True), (HELLO, True), (HELLO, False),
         (b"gwdata\0\1" + bytes(20), True), (b"gwdata\0\1", True), (b"\x16\x03\x01\x02\x00", True),
         (client_hello(), True), (client_hello(), False), (client_hello(), True), (os.urandom(200), False))


def stranger(port, said):
    connection = socket.socket()
    connection.setblocking(False)
    try:
        connection.connect(("127.0.0.1", port))
    except BlockingIOError:
        pass
    try:
        connection.send(said)
    except OSError:
        pass  # not connected yet, or turned away already
    return connection


class Strangers:
    """A flood under way; the counts are right at any moment."""

    def __init__(self, port):
        self.port, self.made, self.failed = port, 0, 0
        self._held = collections.deque()

    def one(self):
        said, hold = KINDS[self.made % len(KINDS)]
        try:
            connection = stranger(self.port, said)
        except OSError:
            self.failed += 1
            return
        self.made += 1
        if hold:
            self._held.append(connection)
        else:
            connection.close()
        if len(self._held) > HELD:
            self._held.popleft().close()

    def flow(self, rate, seconds):
        begun = time.monotonic()
        while (now := time.monotonic() - begun) < seconds:
            if self.made + self.failed < now * rate:
                self.one()
            else:
                time.sleep(0.002)


class Flood:
    """One flood in a separate process. Use it in a `with` statement; afterwards MADE is known."""

    def __init__(self, port, rate=1000, seconds=60):
        self._argv = [sys.executable, os.path.abspath(__file__), str(port), str(rate), str(seconds)]
        self.made = self._process = None
        self.begun = self.lasted_s = 0

    def __enter__(self):
        self._process = subprocess.Popen(self._argv, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
        self._process.stdout.readline()
        self.begun = time.monotonic()
        return self

    def __exit__(self, *_):
        self.lasted_s = time.monotonic() - self.begun
        self._process.terminate()
        self.made = int(self._process.communicate()[0].split()[0])


def main(port, rate, seconds):
    strangers = Strangers(int(port))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    print("begun", flush=True)
    try:
        strangers.flow(float(rate), float(seconds))
    finally:
        print(strangers.made, strangers.failed)


if __name__ == "__main__":
    main(*sys.argv[1:])
