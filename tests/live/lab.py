# SPDX-License-Identifier: LGPL-2.1-or-later
"""Two hosts on one machine: a source with a running VM, and a destination with an agent."""

import contextlib
import json
import os
import re
import signal
import time

from . import channels, env, procs, tls
from .guests import TickGuest
from .hook import Hook
from .procs import Process
from .proxy import Proxy
from .qmp import QmpError, QmpGone, QmpTimeout
from .scratch import Scratch
from .side import Side

# Of every agent that a test may start.
ADDRESSES = ("127.0.0.1", "::1", "10.9.0.2", "10.9.1.2", "fd09:0::2", "fd09:1::2")

# Slow enough for what a test does in pre-copy to come in time: 30 MiB at this rate take some seconds.
SLOWLY = ("--bandwidth", "8MiB")
FLOWING_BYTES = 4 << 20

RUNS_ON_DESTINATION, FAILED, USAGE, INCOMPATIBLE, NO_CONVERGENCE, CANCELLED, UNKNOWN = range(7)


class Lab(Scratch):
    """Use with `with`. QEMU: the version on the source and, unless TO_QEMU is given, on the destination.

    ENDS, of network.py: the two hosts are there, and not both on loopback; set agent_host then.
    KIND, of channels.py: what the guest moves over.
    """

    def __init__(self, label, guest=None, qemu="7.2", to_qemu=None, machine=env.OLD_MACHINE, extra=(),
                 ends=None, kind=None):
        super().__init__(label)
        self.agent_host = "127.0.0.1"
        self.listen_host = None
        self._ends = ends
        self._kind = channels.KINDS[kind or channels.usual]
        self._guest = guest if guest is not None else TickGuest()
        self._qemus = (qemu, to_qemu if to_qemu is not None else qemu)
        self._machine, self._extra = machine, extra
        self._count = 0
        self.agent = self.proxy = self.source = self.destination = None
        self.agent_port = 0
        self.hooks = []
        self._environment = {}

    def __enter__(self):
        super().__enter__()
        # What both programs are told of TLS; nothing for plain text.
        self.source_tls = self.agent_tls = ()
        if self._kind.tls:
            authority = tls.Authority(self.folder)
            self.source_tls = ("--tls-dir", authority.host("a"))
            self.agent_tls = ("--tls-dir", authority.host("b", *ADDRESSES))
        self.source = self.new_side("a", self._qemus[0])
        self.destination = self.new_side("b", self._qemus[1])
        return self

    def __exit__(self, kind, error, trace):
        if self.proxy is not None:
            self.proxy.close()
        for hook in self.hooks:
            hook.close()
        super().__exit__(kind, error, trace)

    def new_side(self, name, qemu):
        side = Side(self.path(name), self._guest, qemu, self._machine, extra=self._extra)
        self.sides.append(side)
        return side

    @property
    def guest(self):
        return self._guest

    def program(self, name, *arguments):
        """Starts 'godwit' or 'godwitd'; its output goes to the test's folder."""
        self._count += 1
        log = os.path.join(self.folder, "%02d-%s" % (self._count, name))
        return Process([env.binary(name), *map(str, arguments)], log, self._environment)

    @contextlib.contextmanager
    def environment(self, **variables):
        """What is started inside has these variables too."""
        self._environment = variables
        try:
            yield
        finally:
            self._environment = {}

    def godwit(self, *arguments, timeout_s=60.0):
        """Runs godwit to its end; returns (exit code, process)."""
        process = self.program("godwit", *arguments)
        return process.wait(timeout_s), process

    def hook(self, where=None):
        """A hook that stops at WHERE."""
        made = Hook(self.path("hook%d" % len(self.hooks)), where)
        self.hooks.append(made)
        return made

    # The two hosts.

    def run_vm(self, *options):
        return self.godwit("run", self.source.vm_file, "--state-dir", self.source.state_dir, *options)

    def start_source(self, *options):
        """Runs the VM on the source by `godwit run`, and waits until the guest lives."""
        code, process = self.run_vm(*options)
        if code != 0:
            raise AssertionError("godwit run: %d: %s" % (code, process.err))
        if "--paused" not in options:
            self.source.wait_beat()

    def start_agent(self, *options):
        """Starts the destination's daemon; again on the same port if there was one before."""
        with self._ends.at_destination() if self._ends is not None else contextlib.nullcontext():
            self.agent = self.program(
                "godwitd", "--listen", "%s:%d" % (self.listen_host or self.agent_host, self.agent_port),
                "--vm-dir", os.path.dirname(self.destination.vm_file), "--state-dir",
                self.destination.state_dir, *self.agent_tls, *options)
        self._note_port()

    def start_receiver(self, *options):
        """Starts `godwit receive` on the destination, for one migration."""
        self.agent = self.program(
            "godwit", "receive", "--listen", "127.0.0.1:0", "--vm", self.destination.vm_file,
            "--state-dir", self.destination.state_dir, *self.agent_tls, *options)
        self._note_port()

    def _note_port(self):
        self.agent_port = int(self.agent.wait_line("listening on ").rsplit(":", 1)[1])

    def stop_agent(self):
        """Ends the agent as an init system does; returns its exit code."""
        self.agent.signal(signal.SIGTERM)
        return self.agent.wait(30)

    def use_proxy(self):
        """From now on the source reaches the agent only through a proxy that the test can cut."""
        self.proxy = Proxy(self.agent_port)

    @property
    def to(self):
        """For the option --to."""
        if self.proxy is not None:
            return "127.0.0.1:%d" % self.proxy.port
        return "%s:%d" % (self.agent_host, self.agent_port)

    # One migration.

    def start_migrate(self, *options):
        self.report_path = os.path.join(self.folder, "report-%d.json" % self._count)
        if not channels.CHOOSING.intersection(options):
            options += self._kind.options
        return self.program("godwit", "migrate", "--vm", self.source.vm_file, "--to", self.to,
                            "--state-dir", self.source.state_dir, "--report", self.report_path,
                            "--progress", "plain", *self.source_tls, *options)

    def migrate(self, *options, timeout_s=90.0):
        """Moves the guest; AssertionError unless it runs on the destination then. Returns the report."""
        process = self.start_migrate(*options)
        code = process.wait(timeout_s)
        if code != RUNS_ON_DESTINATION:
            raise AssertionError("godwit migrate: %d: %s%s" % (code, process.out, process.err))
        return self.report()

    def wait_flow(self, migrate, timeout_s=30.0):
        """Waits until some of the memory is on its way; AssertionError if MIGRATE ends first."""
        def flows():
            if not migrate.is_alive():
                raise AssertionError("it has ended: " + migrate.out + migrate.err)
            info = monitor_says(self.source, "query-migrate") or {}
            return info.get("status") == "active" and info["ram"]["transferred"] > FLOWING_BYTES
        procs.wait_until(flows, timeout_s, "the stream to flow")

    def report(self):
        with open(self.report_path, encoding="utf-8") as file:
            return json.load(file)

    def swap(self, to_qemu=None):
        """After a move: what was the destination is the source now, and a new place waits."""
        self.stop_agent()
        self.agent_port = 0
        self.source = self.destination
        self.destination = self.new_side("s%d" % len(self.sides), to_qemu or self.source.qemu)

    # What must hold.

    def running_sides(self):
        return [side for side in (self.source, self.destination) if side.status() == "running"]

    def other(self, side):
        return self.destination if side is self.source else self.source

    def wait_one_runs(self, timeout_s=15.0):
        """Waits until exactly one copy of the guest runs. Returns its side."""
        procs.wait_until(lambda: len(self.running_sides()) == 1, timeout_s, "one running copy: %s, %s" % (
            self.source.status(), self.destination.status()))
        return self.running_sides()[0]

    def wait_runs_only_on(self, side, timeout_s=15.0):
        """Waits until the guest runs there and nowhere else, seen by its own clock too."""
        side.wait_status("running", timeout_s)
        if self.other(side).status() == "running":
            raise AssertionError("two copies run")
        side.wait_beat()

    def wait_agent_says(self, pattern, timeout_s=10.0):
        """The agent's words and the end of whom they are about come in any order."""
        try:
            procs.wait_until(lambda: re.search(pattern, self.agent.err), timeout_s, pattern)
        except AssertionError as error:
            raise AssertionError("%s; the agent says: %s" % (error, self.agent.err)) from None

    def check_clock(self):
        """No beat of the guest's clock was lost or repeated on its way, and its memory was whole."""
        beats = self._guest.read(*[side.clock_path for side in self.sides])
        self._guest.check(beats)
        return beats

    def journals(self):
        """What is not settled, on both hosts."""
        return self.source.journals() + self.destination.journals()

    @staticmethod
    def logs(side):
        """The logs of QEMUs that an agent started there; each should go with its QEMU's failure."""
        return [name for name in os.listdir(side.state_dir) if name.endswith(".log")]

    @staticmethod
    def left_beside(side):
        """Folders of the engine's own, for its sockets, beside that side's monitor."""
        return [name for name in os.listdir(side.folder) if name.startswith(".godwit-")]

    def check_stayed(self, settled_s):
        """The guest never ran but on the source, where it is whole; what was to be undone is, within that time."""
        procs.wait_until(lambda: not self.journals(), settled_s, "the journals to be settled")
        self.check_nothing_left(living=self.source)
        if self.destination.beats() != 0:
            raise AssertionError("the guest ran on the destination")
        self.guest.check(self.guest.read(self.source.clock_path))

    def check_nothing_left(self, living=None, crashed=()):
        """No journal, no process, no QEMU but that of LIVING, no monitor's socket of one that has gone.

        A QEMU killed by the test itself (CRASHED) leaves its socket behind: that is no failure.
        """
        if self.agent is not None and self.agent.is_alive():
            self.stop_agent()
        for side in (self.source, self.destination):
            if side is living:
                continue
            if side.pid() is not None:
                raise AssertionError("a QEMU is left over on " + side.folder)
            if os.path.exists(side.qmp_path) and side not in crashed:
                raise AssertionError("a socket is left over: " + side.qmp_path)
            if side is self.destination and side not in crashed and self.logs(side):
                raise AssertionError("logs are left over: %s" % self.logs(side))
        for side in (self.source, self.destination):
            if self.left_beside(side):
                raise AssertionError("folders are left over: %s" % self.left_beside(side))
        if self.journals():
            raise AssertionError("journals are left over: %s" % self.journals())
        allowed = {living.pid()} if living is not None else set()
        procs.wait_until(lambda: not set(self.processes()) - allowed, 3, "processes to end: %s" % [
            " ".join(procs.command_line(pid))[:200] for pid in set(self.processes()) - allowed])

    def recover_once(self):
        """`godwit recover` on the source, and on the destination where no agent does it. What each of them said."""
        outputs = []
        for side in (self.source, self.destination):
            code, process = self.godwit("recover", "--state-dir", side.state_dir)
            outputs.append("%d: %s%s" % (code, process.out, process.err))
        return outputs

    def recover(self, timeout_s=20.0):
        """Likewise, until nothing is left to settle."""
        deadline = time.monotonic() + timeout_s
        while True:
            outputs = self.recover_once()
            if not self.journals():
                return
            if time.monotonic() > deadline:
                raise AssertionError("recover does not settle it: %s\n%s" % (self.journals(), "".join(outputs)))
            time.sleep(0.5)


def monitor_says(side, command, **arguments):
    """A command on the second monitor whose refusal, or QEMU's end, is as good as its success."""
    try:
        return side.command(command, **arguments)
    except (QmpError, QmpGone, QmpTimeout):
        return None
