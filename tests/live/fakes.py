# SPDX-License-Identifier: LGPL-2.1-or-later
"""Peers that break the rules: an agent, a source and a monitor of a few lines each."""

import json
import socket
import threading
import time


class FakeServer:
    """Answers each connection with ANSWER(connection) in a thread; use with `with`."""

    def __init__(self, answer, path=None):
        self._answer = answer
        if path is None:
            self._listener = socket.create_server(("127.0.0.1", 0))
            self.port = self._listener.getsockname()[1]
        else:
            self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self._listener.bind(path)
            self._listener.listen()
        self._open = []

    def _accept(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._open.append(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        try:
            self._answer(connection)
        except OSError:
            pass

    def __enter__(self):
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, kind, error, trace):
        self._listener.close()
        for connection in self._open:
            connection.close()


def answers(data):
    """An answer to the first line heard: DATA, and then the connection stays open."""
    def answer(connection):
        connection.recv(65536)
        connection.sendall(data)
        time.sleep(60)
    return answer


def closes(connection):
    """An answer that is none."""
    connection.recv(65536)
    connection.close()


def line(**members):
    """A message of the control protocol."""
    return json.dumps(members).encode() + b"\n"


def hear_reply(connection):
    """All that is said up to a reply's line; pings come in between."""
    heard = b""
    while b'"reply"' not in heard or not heard.endswith(b"\n"):
        part = connection.recv(65536)
        if not part:
            raise ConnectionError("hung up")
        heard += part
    return heard


def talk(port, parts, timeout_s=20.0):
    """Sends PARTS to an agent, each after the answer to the one before, and returns all that it says until
    it hangs up; AssertionError if it never does."""
    heard = b""
    with socket.create_connection(("127.0.0.1", port), timeout_s) as connection:
        try:
            for part in parts[:-1]:
                connection.sendall(part)
                heard += hear_reply(connection)
            connection.sendall(parts[-1])
            while True:
                part = connection.recv(65536)
                if not part:
                    return heard
                heard += part
        except ConnectionError:
            return heard
        except socket.timeout:
            raise AssertionError("the agent keeps a bad connection; it said %r" % heard) from None
