# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is recorded about the machine and the build."""

import json
import os
import platform
import subprocess

from tests.live import env

from .measured import TICKS_PER_S


def said_by(*argv):
    """The output of a command, or None."""
    try:
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              check=False)
    except OSError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def first_line(text):
    return text.splitlines()[0] if text else None


def read(path):
    try:
        with open(path, encoding="utf-8") as file:
            return file.read().strip()
    except OSError:
        return None


def busy_ms():
    """CPU time that all processes have used and, in a virtual machine, that its host has taken away."""
    user, nice, system, _, _, _, _, steal = map(int, read("/proc/stat").split()[1:9])
    return (user + nice + system + steal) * 1000 / TICKS_PER_S


def cpu_model():
    for line in (read("/proc/cpuinfo") or "").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def build_options():
    """Meson's build type and the like, of the build under measurement."""
    path = os.path.join(env.build_dir(), "meson-info", "intro-buildoptions.json")
    wanted = ("buildtype", "optimization", "debug", "b_sanitize", "b_lto")
    return {option["name"]: option["value"] for option in json.loads(read(path) or "[]")
            if option["name"] in wanted}


def compiler():
    path = os.path.join(env.build_dir(), "meson-info", "intro-compilers.json")
    made = json.loads(read(path) or "{}").get("host", {}).get("c", {})
    return made.get("full_version")


def describe(settings, seed):
    git = ["git", "-c", "safe.directory=*", "-C", env.CHECKOUT]
    return {
        "kernel": platform.release(), "cpu": cpu_model(), "cpus": os.cpu_count(),
        "governor": read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
        "load": list(os.getloadavg()), "accelerator": "tcg",
        "qemu": first_line(said_by(env.qemu(settings.qemu), "--version")),
        "compiler": compiler(), "build": build_options(),
        "godwit": first_line(said_by(env.binary("godwit"), "--version")),
        "git": said_by(*git, "rev-parse", "HEAD"),
        "git_dirty": bool(said_by(*git, "status", "--porcelain", "--untracked-files=no")),
        "seed": seed, "python": platform.python_version(),
        "pinning": {"source_qemu": settings.source_core,
                    "destination_qemu": settings.destination_core,
                    "godwit, script, tick reader": "any"},
    }
