#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The second VM's side of a test in the first: does by XML-RPC, on the lab's own wire, what a Host does there.

usage: far_host.py --fork    in the second VM; takes the place of a former one, returns when it serves
"""

import os
import shutil
import sys
import tempfile
import threading
import time
from xmlrpc.client import Binary, ServerProxy
from xmlrpc.server import SimpleXMLRPCServer

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
from tests.lab import two_hosts, vgpus  # noqa: E402 (the path first)
from tests.lab.qemu import PATIENCE_S  # noqa: E402

ADDRESS = "10.78.0.2"
PORT = 7800
ASKED_OF_HOST = ("uuids", "get", "status", "has_qemu", "journals", "place", "ram_sum")


class Server:
    """One destination at a time; begin() ends the former."""

    def __init__(self):
        self._host = self._agent = self._folder = None

    def begin(self, kinds):
        """A host with a VM file and an agent; the agent's address."""
        self.end()
        self._folder = tempfile.mkdtemp(prefix="gw-")
        self._host = two_hosts.Host(self._folder, "b", kinds)
        self._agent = self._host.agent(ADDRESS + ":0", ["--insecure"])
        return self._agent.wait_line("listening on", PATIENCE_S)

    def end(self):
        if self._host is not None:
            two_hosts.GodwitCase.stop_agent(self._agent)
            self._host.end_qemu()
            shutil.rmtree(self._folder, ignore_errors=True)
            self._host = None
        for uuid in vgpus.all_uuids():
            vgpus.write(1, vgpus.DEVICES, uuid, "remove")
        return True

    def quit(self):
        """Ends the process, a moment after the answer."""
        self.end()
        threading.Timer(0.2, os._exit, (0,)).start()
        return True

    def ask(self, name, *arguments):
        if name not in ASKED_OF_HOST:
            raise ValueError("nobody asks a far host for '%s'" % name)
        return getattr(self._host, name)(*arguments)

    def ticks(self):
        return Binary(bytes(self._host.ticks()))

    def driver_version(self):
        return vgpus.read("/sys/module/gwvgpu/version")


class FarHost:
    """The first VM's view of it, as a Host."""

    def __init__(self):
        self._server = ServerProxy("http://%s:%d" % (ADDRESS, PORT))
        self.begin, self.end = self._server.begin, self._server.end
        self.driver_version, self.quit = self._server.driver_version, self._server.quit

    def __getattr__(self, name):
        return lambda *arguments: self._server.ask(name, *arguments)

    def ticks(self):
        return list(self._server.ticks().data)


def main():
    if sys.argv[1:] != ["--fork"]:
        sys.exit(__doc__)
    try:
        # It may be of another QEMU, or of yesterday's code.
        FarHost().quit()
        time.sleep(1.0)
    except OSError:
        pass  # nobody serves yet
    server = SimpleXMLRPCServer((ADDRESS, PORT), logRequests=False)
    server.register_instance(Server())
    if os.fork() == 0:
        os.setsid()
        null = os.open(os.devnull, os.O_RDWR)
        for fd in range(3):
            os.dup2(null, fd)
        server.serve_forever()


if __name__ == "__main__":
    main()
