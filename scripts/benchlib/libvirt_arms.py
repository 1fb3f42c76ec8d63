# SPDX-License-Identifier: LGPL-2.1-or-later
"""libvirt's ways: `virsh migrate` between two libvirtds on this machine.

Each libvirtd has a mount namespace in which its folders are its own, and a host_uuid of its own: else libvirt
takes both for one host and refuses. libvirt 9 knows QEMU 7.2 and not 10.0.
"""

import os
import re
import shutil
import signal
import subprocess
from xml.sax.saxutils import quoteattr

from tests.live import procs

from .arm import TIMEOUT_S, Arm
from .host import said_by
from .measured import Measured, cpu_ms, wait_all, wait_end

HOST = os.path.join(os.path.dirname(os.path.abspath(__file__)), "libvirt-host")
READY_S = 60

DOMAIN = """<domain type='qemu' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
<name>%(name)s</name><uuid>5a0b5a0b-0000-4000-8000-000000000001</uuid>
<memory unit='MiB'>%(ram_mib)d</memory><vcpu>1</vcpu>
<cputune><vcpupin vcpu='0' cpuset='%(core)d'/><emulatorpin cpuset='%(core)d'/></cputune>
<os><type arch='x86_64' machine='%(machine)s'>hvm</type></os>
<devices><emulator>%(emulator)s</emulator>
<controller type='usb' model='none'/><memballoon model='none'/></devices>
<qemu:commandline>%(arguments)s</qemu:commandline></domain>
"""


class Libvirtd:
    """One host's daemon, in the namespaces of the thread that starts it."""

    def __init__(self, run, name, core):
        self.run, self.name, self.core = run, name, core
        self.folder = run.path("libvirt-" + name)
        self.uri = "qemu+unix:///system?socket=%s/sock/libvirt-sock" % self.folder
        uuid = "%s-0000-4000-8000-000000000000" % (name * 8)
        with open(os.path.join(self.folder, "log"), "wb") as log:
            self.process = subprocess.Popen(["unshare", "--mount", HOST, self.folder, uuid], stdout=log,
                                            stderr=log, stdin=subprocess.DEVNULL)

    def wait(self):
        procs.wait_until(lambda: said_by("virsh", "-c", self.uri, "version") is not None, READY_S,
                         "libvirtd (its words are in %s/log)" % self.folder, 0.2)

    def domain(self, side):
        """The file with the VM as libvirt wants it told."""
        path = os.path.join(self.folder, "vm.xml")
        with open(path, "w", encoding="utf-8") as file:
            file.write(domain_xml(side, self.core))
        return path

    def cpu_ms(self):
        return cpu_ms(self.process.pid)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        wait_end(self.process, 20)


def arguments_of(side):
    """What libvirt passes on to QEMU as it is: the guest's own options. The rest it says in its own way."""
    # libvirt rounds the RAM to whole MiB; see ODD_KIB in tests/live/guests.py for why that must not be.
    odd = "%dk" % (side.guest.ram_bytes >> 10)
    words = ["-object", "memory-backend-ram,id=odd,size=" + odd, "-machine", "memory-backend=odd"]
    words += side.guest.options(side.folder, side.clock_path) + side.extra
    return words + ["-qmp", "unix:%s,server=on,wait=off" % side.watch_path]


def domain_xml(side, core):
    arguments = "".join("<qemu:arg value=%s/>" % quoteattr(word) for word in arguments_of(side))
    return DOMAIN % {"name": side.name, "ram_mib": side.guest.ram_mib, "machine": side.machine,
                     "core": core, "emulator": shutil.which("qemu-system-x86_64"), "arguments": arguments}


def start(run, arm):
    """Both daemons, and the source's guest."""
    run.libvirtds = [Libvirtd(run, "a", run.settings.source_core)]
    with run.link.at_destination():
        run.libvirtds.append(Libvirtd(run, "b", run.settings.destination_core))
    for daemon in run.libvirtds:
        daemon.wait()
    source = run.libvirtds[0]
    subprocess.run(["virsh", "-q", "-c", source.uri, "create", source.domain(run.source)], check=True,
                   stdin=subprocess.DEVNULL, capture_output=True, text=True)
    run.source_pid = procs.wait_until(run.source.pid, 10, "libvirt's QEMU")


def end(run):
    """Only the daemons: they leave their QEMUs alone, which go with the run's folder."""
    for daemon in getattr(run, "libvirtds", ()):
        daemon.stop()


def downtime_by_libvirt_ms(uri, name):
    """What `virsh domjobinfo` says at the destination."""
    text = said_by("virsh", "-c", uri, "domjobinfo", name, "--completed") or ""
    found = re.search(r"Total downtime: +(\d+) +ms", text)
    return {"downtime_report_ms": float(found.group(1))} if found else {}


def with_flags(*flags, uri=True):
    def moved(run):
        source, destination = run.libvirtds
        spent_ms = source.cpu_ms(), destination.cpu_ms()
        domain = destination.domain(run.destination)
        subprocess.run(["virsh", "-q", "-c", source.uri, "migrate-setmaxdowntime", run.source.name,
                        str(run.settings.limit_ms)], check=False, capture_output=True)
        target = ["tcp://" + run.link.address] if uri else []
        command = Measured(["virsh", "-q", "-c", source.uri, "migrate", "--live", "--p2p", *flags, "--xml",
                            domain, run.source.name, destination.uri, *target],
                           os.path.join(run.folder, "virsh"))
        run.watch_destination()
        wait_all(command, [], TIMEOUT_S)
        if command.code != 0:
            raise AssertionError("virsh migrate ended with %d: %s" % (command.code, command.err))
        row = {"wall_ms": command.wall_ms,
               "engine_cpu_ms": command.cpu_ms + source.cpu_ms() - spent_ms[0],
               "agent_cpu_ms": destination.cpu_ms() - spent_ms[1]}
        row.update(downtime_by_libvirt_ms(destination.uri, run.source.name))
        return row
    return moved


def missing(settings):
    if settings.qemu != "7.2":
        return "libvirt 9 knows no QEMU %s" % settings.qemu
    absent = [name for name in ("libvirtd", "virsh") if shutil.which(name) is None]
    return "no %s: scripts/deps bench" % " and ".join(absent) if absent else None


ARMS = (
    Arm("libvirt", with_flags(), start=start, end=end, missing=missing),
    Arm("libvirt-tunnelled", with_flags("--tunnelled", uri=False), start=start, end=end, missing=missing),
)
