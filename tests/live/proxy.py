# SPDX-License-Identifier: LGPL-2.1-or-later
"""A TCP forwarder between the two hosts that can cut every connection at once, or swallow every byte.

The kernel can cut a connection too (ss -K), but not every kernel can.
"""

import socket
import struct
import threading

CHUNK_BYTES = 1 << 17
UNLIMITED = 1 << 62
RESET = struct.pack("ii", 1, 0)  # SO_LINGER that turns close() into a reset


class Pair:
    """One connection: NEAR to the source, FAR to the agent. LEFT_BYTES may still go to the agent before it breaks."""

    def __init__(self, near, far):
        self.near, self.far = near, far
        self.left_bytes = UNLIMITED

    def close(self):
        close(self.near)
        close(self.far)


class Proxy:
    """Listens on 127.0.0.1:PORT and forwards each connection to 127.0.0.1:TARGET_PORT."""

    def __init__(self, target_port):
        self._target_port = target_port
        self._lock = threading.Lock()
        self._pairs = []
        self._swallow = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            try:
                far = socket.create_connection(("127.0.0.1", self._target_port))
            except OSError:
                close(near)
                continue
            pair = Pair(near, far)
            with self._lock:
                self._pairs.append(pair)
            for here, there in ((near, far), (far, near)):
                threading.Thread(target=self._pump, args=(pair, here, there), daemon=True).start()

    def _pump(self, pair, here, there):
        try:
            while True:
                data = here.recv(CHUNK_BYTES)
                if not data:
                    if not self._swallow.is_set():
                        there.shutdown(socket.SHUT_WR)
                    return
                if self._swallow.is_set():
                    continue
                if here is pair.near:
                    data = data[:pair.left_bytes]
                    pair.left_bytes -= len(data)
                self._pass_on(pair, here, there, data)
                if pair.left_bytes == 0:
                    pair.close()
        except OSError:
            pair.close()

    def _pass_on(self, pair, here, there, data):
        there.sendall(data)

    def forget(self):
        """From now on the connections are counted anew. Those that are there go on."""
        with self._lock:
            self._pairs = []

    def break_after(self, limits):
        """Connection NUMBER (0: the first that was made) is reset when LIMITS[NUMBER] more bytes have gone to the
        agent."""
        with self._lock:
            pairs = list(self._pairs)
        for number, limit_bytes in limits.items():
            pairs[number].left_bytes = limit_bytes
            if limit_bytes == 0:
                pairs[number].close()

    def cut(self):
        """Resets every connection there is; new ones are taken as before."""
        with self._lock:
            pairs, self._pairs = self._pairs, []
        for pair in pairs:
            pair.close()

    def black_hole(self):
        """From now on takes every byte and passes none on, as a network that lost its route does."""
        self._swallow.set()

    def heal(self):
        """The network is back: what was open is lost, what comes works."""
        self._swallow.clear()
        self.cut()

    def close(self):
        self._swallow.clear()
        self._listener.close()
        self.cut()


def close(connection):
    """Ends a connection with a reset, also under a thread that is reading it."""
    try:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
    connection.close()
