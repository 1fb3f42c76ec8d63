# SPDX-License-Identifier: LGPL-2.1-or-later
"""Two hosts for Godwit in one VM: one has the even parents, one the odd; both on loopback, or each in a network
namespace of its own. The kernel is one, so a UUID that the source uses is never free at the destination."""

import hashlib
import json
import os
import shutil
import subprocess
import tempfile

from tests.live import guests, procs
from tests.live.qmp import Qmp

from . import vgpus
from .cases import VgpuCase
from .qemu import OLD_QEMU, PATIENCE_S, QEMU

MIB = 1 << 20
BUILD = os.environ["GODWIT_BUILD"]
HOSTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "guest", "hosts")
ADDRESSES = {"a": "10.77.0.1", "b": "10.77.0.2"}
PARENTS = {"a": "gwvgpu0", "b": "gwvgpu1"}
# The hook keeps them in the last moment in which the source's vGPUs are there and stopped.
SUMS = ('for d in /sys/bus/mdev/devices/*; do echo "$(basename $d) $(cat $d/gwvgpu/stop_checksum)"; done '
        '> %s/sums')
RUNS_ON_DESTINATION, FAILED, USAGE, INCOMPATIBLE, NO_CONVERGENCE, CANCELLED, UNKNOWN = range(7)


def godwit(*arguments, prefix=(), timeout_s=180):
    """(exit code, output): of the command line."""
    done = subprocess.run([*prefix, BUILD + "/tools/godwit", *arguments], capture_output=True, text=True,
                          timeout=timeout_s, check=False)
    return done.returncode, done.stdout + done.stderr


class Host:
    """One of the two: its folder, its VM file, its parent. KINDS are the numbers of the vGPUs' types, UUIDS
    theirs, where they matter; NAMES those of their groups in the VM file, else QEMU's ids; ADDR the first one's slot;
    MIGRATION None for a QEMU that does not know the word."""

    GUEST = {"ram_mib": 32, "pages": 2048, "dirty": 4, "interval_us": 20000}

    def __init__(self, folder, name, kinds, options=(), migration="on", uuids=(), names=(), addr=8, qemu=QEMU):
        self.name = name
        self.folder = os.path.join(folder, name)
        self.state = self.folder + "/state"
        self.parent = PARENTS[name]
        self.qemu = qemu
        os.makedirs(self.state)
        self.guest = guests.TickGuest(**self.GUEST)
        self.guest.prepare(self.folder)
        self.clock = self.folder + "/clock"
        self.vm = self.folder + "/vm/lab.vm"
        os.mkdir(self.folder + "/vm")
        names = names or ["gpu%d" % number for number in range(len(kinds))]
        with open(self.vm, "w", encoding="ascii") as file:
            file.write("[vm]\nname=lab\nqmp=%s/qmp\nargv=%s\n" % (
                self.folder, " ".join(self._argv(names, options, migration, addr))))
            for number, kind in enumerate(kinds):
                file.write("[vgpu %s]\ntype=gwvgpu-%d\nparent=%s\n" % (names[number], kind, self.parent))
                if number < len(uuids):
                    file.write("uuid=%s\n" % uuids[number])

    def _argv(self, names, options, migration, addr):
        argv = [self.qemu, "-name", "lab", "-machine", "q35", "-accel", "tcg", "-nodefaults", "-no-user-config",
                "-display", "none", "-boot", "strict=on", "-qmp", "unix:${qmp},server=on,wait=off",
                "-qmp", "unix:%s/look,server=on,wait=off" % self.folder]
        argv += self.guest.options(self.folder, self.clock)
        argv += list(options)
        return argv + self._devices(["${%s}" % name for name in names], migration, addr)

    @staticmethod
    def _devices(paths, migration="on", addr=8, events="on"):
        argv = []
        for number, path in enumerate(paths):
            device = "vfio-pci,id=gpu%d,addr=%d,sysfsdev=%s" % (number, addr + number, path)
            if migration is not None:
                device += ",enable-migration=%s,migration-events=%s" % (migration, events)
            argv += ["-device", device]
        return argv

    def foreign_argv(self, paths, events):
        """The command line of a QEMU that nobody of ours starts, waiting for a VM with the vGPUs at PATHS."""
        argv = [word.replace("${qmp}", self.folder + "/qmp") for word in self._argv((), (), "on", 8)]
        return argv + self._devices(paths, events=events) + ["-S", "-incoming", "defer"]

    def uuids(self):
        """Of the vGPUs on this host's parent."""
        def parent_of(name):
            return os.path.basename(os.path.dirname(os.path.realpath(os.path.join(vgpus.DEVICES, name))))
        return sorted(name for name in vgpus.all_uuids() if parent_of(name) == self.parent)

    def get(self, uuid, name):
        return vgpus.read(vgpus.DEVICES, uuid, "gwvgpu", name)

    def set(self, uuid, name, value):
        vgpus.write(value, vgpus.DEVICES, uuid, "gwvgpu", name)

    def fault(self, uuid, name, value):
        vgpus.write(value, vgpus.DEVICES, uuid, "fault", name)

    def command(self, name, /, **arguments):
        """Asks its QEMU beside Godwit's monitor."""
        look = Qmp(self.folder + "/look", PATIENCE_S)
        try:
            return look.command(name, PATIENCE_S, **arguments)
        finally:
            look.close()

    def status(self):
        return self.command("query-status")["status"]

    def ticks(self):
        """The guest's clock, as far as it was this host's."""
        return self.guest.read(self.clock)

    def ram_sum(self):
        """The checksum of the guest's RAM, which must be stopped."""
        path = self.folder + "/ram"
        self.command("pmemsave", val=0, size=self.guest.ram_bytes, filename=path)
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def has_qemu(self):
        return bool(self.qemus())

    def qemus(self):
        # The shells that the tests' hooks are have no such argument.
        return procs.mentioning("unix:%s/qmp" % self.folder)

    def end_qemu(self):
        for pid in self.qemus():
            procs.kill_and_wait(pid)

    def agent(self, listen, more=(), prefix=()):
        """Starts its godwitd."""
        argv = [*prefix, BUILD + "/tools/godwitd", "--listen", listen, "--vm-dir", self.folder + "/vm",
                "--state-dir", self.state, *more]
        return procs.Process(argv, tempfile.mkdtemp(dir=self.folder) + "/agent")

    def recover(self):
        return godwit("recover", "--state-dir", self.state)

    def place(self):
        """Where the VM is, by this host's record of it; without one "not-known"."""
        path = self.state + "/vms/lab.json"
        if not os.path.exists(path):
            return "not-known"
        with open(path, encoding="utf-8") as file:
            return json.load(file)["now"]["place"]

    def journals(self):
        return [name for name in os.listdir(self.state) if name.endswith((".source", ".destination"))]


class GodwitCase(VgpuCase):
    """A source host with a running VM, a destination host with an agent."""

    apart = False  # each host in a network of its own
    versions = {}  # host: the driver version that it shows; only of hosts that are apart
    downtime_limit = "1s"

    def lab(self, *kinds, **more):
        """One of hosts(), with the source's QEMU and the agent."""
        self.hosts(kinds, **more)
        code, output = self.run_vm()
        self.assertEqual(code, 0, output)
        self.start_agent()

    def hosts(self, kinds, there=None, options=(), options_there=None, migration="on", uuids=(), uuids_there=(),
              names_there=(), addr_there=8, old=()):
        """The two, with nothing running yet. What ends with THERE is the destination's own; else it has the
        source's. OLD: the names of hosts that have an old QEMU."""
        more = {name: {"qemu": OLD_QEMU, "migration": None} if name in old else {"migration": migration}
                for name in ADDRESSES}
        self.folder = tempfile.mkdtemp(prefix="gw-")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.source = Host(self.folder, "a", kinds, options, uuids=uuids, **more["a"])
        self.target = Host(self.folder, "b", kinds if there is None else there,
                           options if options_there is None else options_there, uuids=uuids_there,
                           names=names_there, addr=addr_there, **more["b"])
        for host in (self.source, self.target):
            self.addCleanup(host.end_qemu)

    def prefix(self, host):
        """What a program of HOST's is run by."""
        if not self.apart:
            return []
        version = self.versions.get(host)
        return (["env", "GWVGPU_HOST_VERSION=" + version] if version else []) + [HOSTS, host]

    def run_vm(self):
        return godwit("run", self.source.vm, "--state-dir", self.source.state, prefix=self.prefix("a"))

    def start_agent(self, port=0, hook=None, dies_after=None):
        """HOOK: shell commands at the start of each of the agent's phases. DIES_AFTER: the phase of the line of its
        journal after which it is killed, by tests/crash/acts.c."""
        listen = ADDRESSES["b"] if self.apart else "127.0.0.1"
        more = ["--insecure"] if self.apart else []
        more += [] if hook is None else ["--hook", hook]
        dying = [] if dies_after is None else [
            "env", "LD_PRELOAD=%s/tests/libacts.so" % BUILD, "ACTS_PROGRAM=godwitd", "ACTS_LINE=" + dies_after,
            "ACTS_HOW=die-after"]
        self.agent = self.target.agent("%s:%d" % (listen, port), more, self.prefix("b") + dying)
        self.addCleanup(self.stop_agent, self.agent)
        self.address = self.agent.wait_line("listening on", PATIENCE_S)

    @staticmethod
    def stop_agent(agent):
        if agent.is_alive():
            agent.signal(15)
            agent.wait(PATIENCE_S)

    def turn(self):
        """What came there is to go back: the hosts change their roles."""
        self.stop_agent(self.agent)
        self.source, self.target = self.target, self.source
        self.start_agent()

    def fill(self, rate=0):
        for number, uuid in enumerate(self.source.uuids()):
            self.source.set(uuid, "fill", 1000 + number)
            self.source.set(uuid, "dirty_rate", rate)

    def note(self):
        """Keeps what the source's vGPUs are now, for assert_stayed() and assert_moved()."""
        self.before = self.source.uuids()
        self.checksums = [self.source.get(uuid, "vram_checksum") for uuid in self.before]

    def arguments(self, *options, hook=":"):
        """Of `godwit migrate`. HOOK: shell commands at the start of each phase, $GODWIT_PHASE; None: none, not even
        the one that keeps the checksums, for it would be part of the downtime."""
        if hook is not None:
            keep = 'if [ "$GODWIT_PHASE" = commit ]; then %s; fi; %s' % (SUMS % self.folder, hook)
            options = ("--hook", keep, *options)
        return ["migrate", "--vm", self.source.vm, "--to", self.address, "--state-dir", self.source.state,
                "--downtime-limit", self.downtime_limit, "--report", self.folder + "/report.json",
                "--progress", "none", *(["--insecure"] if self.apart else []), *options]

    def migrate(self, *options, timeout_s=180, **more):
        """(exit code, output, report)"""
        code, output = godwit(*self.arguments(*options, **more), prefix=self.prefix("a"), timeout_s=timeout_s)
        with open(self.folder + "/report.json", encoding="utf-8") as file:
            return code, output, json.load(file)

    def check(self, *options):
        return godwit("check", "--vm", self.source.vm, "--to", self.address, "--state-dir", self.source.state,
                      *(["--insecure"] if self.apart else []), *options, prefix=self.prefix("a"))

    def sums(self):
        with open(self.folder + "/sums", encoding="ascii") as file:
            return dict(line.split() for line in file)

    def journals(self):
        return self.source.journals() + self.target.journals()

    def wait_settled(self):
        """An agent's journal may go a moment after the migration's end: the VM's record is synced before."""
        procs.wait_until(lambda: not self.journals(), 10, "the journals to go: %s" % self.journals())

    def host_fault(self, host, name, value, none=0):
        """A fault of all vGPUs that HOST makes from now on. NONE takes it back."""
        vgpus.parent_fault(PARENTS[host], name, value)
        self.addCleanup(vgpus.parent_fault, PARENTS[host], name, none)

    def source_fault(self, name, value):
        self.host_fault("a", name, value)

    def target_fault(self, name, value, none=0):
        self.host_fault("b", name, value, none)

    def both_fault(self, name, value):
        self.source_fault(name, value)
        self.target_fault(name, value)

    def assert_ticking(self, host):
        """The guest runs at HOST: its clock goes on, and on this host only."""
        other = self.target if host is self.source else self.source
        there, before = len(other.ticks()), len(host.ticks())
        procs.wait_until(lambda: len(host.ticks()) > before + 2, PATIENCE_S, "a tick")
        self.assertEqual(len(other.ticks()), there, "it runs on both sides")

    def assert_whole(self):
        """Each tick of the guest's came once, and its memory is as it wrote it."""
        self.source.guest.check(self.source.ticks() + self.target.ticks())

    def assert_moved(self, checksum="load_checksum"):
        """The guest is there, each vGPU with what the source's had at its stop; the source's are gone."""
        self.assertEqual(self.source.uuids(), [])
        self.assertFalse(self.source.has_qemu())
        self.assertEqual(len(self.target.uuids()), len(self.before))
        sums = self.sums()
        self.assertEqual(sorted(self.target.get(uuid, checksum) for uuid in self.target.uuids()),
                         sorted(sums[uuid] for uuid in self.before))
        self.wait_settled()
        self.assertEqual((self.source.place(), self.target.place()), ("there", "here"))

    def assert_stayed(self, vram=True, ran_there=False):
        """The guest runs on the source with its vGPUs as they were, and nothing is left on the other host. RAN_THERE:
        the copy there was let run and may have come as far as a tick before it was ended."""
        self.assertEqual(self.source.status(), "running")
        self.assertEqual(self.source.uuids(), self.before)
        self.assertEqual(self.target.uuids(), [])
        self.assertFalse(self.target.has_qemu())
        if vram:
            self.assertEqual([self.source.get(uuid, "vram_checksum") for uuid in self.before], self.checksums)
        self.wait_settled()
        self.assertEqual((self.source.place(), self.target.place()), ("here", "not-known"))
        self.assert_ticking(self.source)
        if not ran_there:
            self.assertEqual(self.target.ticks(), [])
        self.source.guest.check(self.source.ticks())
