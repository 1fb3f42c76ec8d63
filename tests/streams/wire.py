# SPDX-License-Identifier: LGPL-2.1-or-later
"""Stands between two QEMUs and keeps what goes over each connection."""

import gzip
import json
import os
import socket
import threading

CHUNK_BYTES = 1 << 18


class Channel:
    """One connection: what the source sent, and what the destination answered."""

    def __init__(self, near, far):
        self.sent = bytearray()
        self.answered = bytearray()
        self._threads = [threading.Thread(target=self._pump, args=arguments, daemon=True)
                         for arguments in ((near, far, self.sent), (far, near, self.answered))]
        for thread in self._threads:
            thread.start()

    @staticmethod
    def _pump(here, there, kept):
        while True:
            try:
                data = here.recv(CHUNK_BYTES)
                kept += data
                there.sendall(data)
            except OSError:
                data = b""
            if not data:
                try:
                    there.shutdown(socket.SHUT_WR)
                except OSError:
                    pass
                return

    def wait(self, timeout_s):
        """Waits until both directions have ended."""
        for thread in self._threads:
            thread.join(timeout_s)
            if thread.is_alive():
                raise AssertionError("a connection does not end")


class Wire:
    """Listens at PATH and connects each that comes to TARGET."""

    def __init__(self, path, target):
        self.channels = []
        self._target = target
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(path)
        self._listener.listen(16)
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            far = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            far.connect(self._target)
            self.channels.append(Channel(near, far))

    def end(self, timeout_s=30.0):
        """All channels, whole."""
        for channel in self.channels:
            channel.wait(timeout_s)
        self._listener.close()
        return self.channels


def write(channels, folder, expected):
    """A file a channel, main.gz and multifd-N.gz, return.gz of what the destination answered, and expected.json."""
    os.makedirs(folder, exist_ok=True)
    number = 0
    for channel in channels:
        is_main = channel.sent[:4] == b"QEVM"
        put(folder, "main" if is_main else "multifd-%d" % number, channel.sent)
        number += not is_main
        if channel.answered:
            put(folder, "return", channel.answered)
    with open(os.path.join(folder, "expected.json"), "w", encoding="ascii") as file:
        json.dump(expected, file, indent=1)
        file.write("\n")


def put(folder, name, data):
    with open(os.path.join(folder, name + ".gz"), "wb") as file:
        file.write(gzip.compress(bytes(data), mtime=0))
