# SPDX-License-Identifier: LGPL-2.1-or-later
"""One lab VM as the host sees it: started, found again by its pid file, ended."""

import json
import os
import signal
import socket
import subprocess
import time

PORTS = 4
BOOT_S = 180.0
QUIT_S = 10.0
# QEMU 7.2 takes the flags for its cmpxchg16b helper from a cc_op that is out of date, so that EFLAGS may become a pointer
# and the kernel's SLUB ends in a double fault, once in some hours. Without the instruction the kernel has another way.
CPU = "max,-cx16"


class LabError(Exception):
    """The lab cannot do what was asked for."""


def connect(path, timeout_s):
    """A connection to a UNIX socket. Its path may be longer than sun_path: go by the folder's descriptor."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(timeout_s)
    folder = os.open(os.path.dirname(path), os.O_PATH)
    try:
        connection.connect("/proc/self/fd/%d/%s" % (folder, os.path.basename(path)))
    except OSError:
        connection.close()
        raise
    finally:
        os.close(folder)
    return connection


class Vm:
    """A VM, called NAME, of which all files but the root are in FOLDER/NAME."""

    def __init__(self, folder, name):
        self.name = name
        self.folder = os.path.join(folder, name)
        self.process = None

    def path(self, name):
        return os.path.join(self.folder, name)

    def pid(self):
        """The pid of its QEMU, or None. A pid that is some other process's by now does not count."""
        try:
            with open(self.path("pid"), encoding="ascii") as file:
                pid = int(file.read())
            with open("/proc/%d/cmdline" % pid, "rb") as file:
                words = file.read().split(b"\0")
        except (OSError, ValueError):
            return None
        return pid if ("file:" + self.path("console")).encode() in words else None

    def is_up(self):
        return self.pid() is not None

    def console(self, lines=15):
        """The end of what it printed."""
        try:
            with open(self.path("console"), "rb") as file:
                text = file.read()[-8192:].decode("utf-8", "replace")
        except OSError:
            return ""
        return "\n".join(text.replace("\r", "").splitlines()[-lines:])

    def command(self, root, shares, append, network):
        """QEMU's command line. SHARES are (folder, how): the VM may "read" it, or "write" there too, or "keep" what
        it has read, of a folder whose files seldom change."""
        argv = ["qemu-system-x86_64", "-name", "godwit-lab-" + self.name, "-machine", "q35,i8042=off",
                "-accel", "tcg,thread=multi", "-cpu", CPU, "-smp", "2", "-m", "2048",
                "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
                "-serial", "file:" + self.path("console"),
                "-qmp", "unix:%s,server=on,wait=off" % self.path("qmp"),
                "-kernel", root + "/kernel", "-initrd", root + "/initrd",
                "-drive", "file=%s/root.img,format=raw,if=none,id=root,snapshot=on" % root,
                "-device", "virtio-blk-pci,drive=root", "-device", "virtio-serial-pci",
                "-device", "virtio-rng-pci"]
        tags = {"shares": [], "kept": []}
        for number, (folder, how) in enumerate(shares):
            argv += ["-fsdev", "local,id=fs%d,path=%s,security_model=none,multidevs=remap%s"
                     % (number, folder, "" if how == "write" else ",readonly=on"),
                     "-device", "virtio-9p-pci,fsdev=fs%d,mount_tag=share%d" % (number, number)]
            tags["kept" if how == "keep" else "shares"].append("share%d:%s" % (number, folder))
        for number in range(PORTS):
            argv += ["-chardev", "socket,id=port%d,server=on,wait=off,path=%s"
                     % (number, self.path("port%d" % number)),
                     "-device", "virtserialport,chardev=port%d,name=godwit.%d" % (number, number)]
        if network:
            argv += ["-netdev", network + ",id=wire", "-device",
                     "virtio-net-pci,netdev=wire,mac=52:54:00:67:77:%02x" % ord(self.name[0])]
        append = ["console=ttyS0", "quiet", "panic=-1", "mitigations=off",
                  "lab.name=" + self.name] + ["lab.%s=%s" % (word, ",".join(tags[word])) for word in tags] + append
        return argv + ["-append", " ".join(append)]

    def start(self, root, shares, append, network=None):
        """Boots it; returns at once."""
        os.makedirs(self.folder, exist_ok=True)
        for name in os.listdir(self.folder):
            os.unlink(self.path(name))
        with open(self.path("qemu.log"), "wb") as log:
            self.process = subprocess.Popen(
                self.command(root, shares, append, network), stdin=subprocess.DEVNULL, stdout=log,
                stderr=log, start_new_session=True, env={**os.environ, "TMPDIR": self.folder})
        with open(self.path("pid"), "w", encoding="ascii") as file:
            file.write("%d\n" % self.process.pid)

    def wait_ready(self, ask, timeout_s=BOOT_S):
        """Waits until ASK(), which runs a command in it that start() booted, succeeds."""
        deadline = time.monotonic() + timeout_s
        begun = time.monotonic()
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                with open(self.path("qemu.log"), encoding="utf-8", errors="replace") as file:
                    raise LabError("the VM '%s' has ended:\n%s%s"
                                   % (self.name, file.read(), self.console()))
            if ask():
                return time.monotonic() - begun
            time.sleep(0.3)
        raise LabError("the VM '%s' was not ready in %d s:\n%s" % (self.name, timeout_s, self.console()))

    def stop(self):
        """Ends it: by QMP, else by its pid. The disk is thrown away anyway."""
        pid = self.pid()
        if pid is None:
            return
        try:
            with connect(self.path("qmp"), 2.0) as qmp:
                for name in ("qmp_capabilities", "quit"):
                    qmp.sendall(json.dumps({"execute": name}).encode() + b"\n")
        except OSError:
            pass
        for number in (None, signal.SIGTERM, signal.SIGKILL):
            if number is not None and self.pid() == pid:
                os.kill(pid, number)
            deadline = time.monotonic() + QUIT_S
            while self.pid() == pid and time.monotonic() < deadline:
                if self.process is not None:
                    self.process.poll()
                time.sleep(0.05)
            if self.pid() != pid:
                return
        raise LabError("the VM '%s' (pid %d) does not end" % (self.name, pid))
