#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Does a test notice when a line of the code is changed? Run by hand; a change takes half a minute.

usage: mutate.py [-n N] [--seed S] [FILE...]

Each round takes one of the FILEs (by default those that decide where a guest is), makes one small change to a random
line of code, builds, and runs the unit suites. A change that no suite notices has SURVIVED: either it changes nothing
that anybody could see, or a test is missing. The work is done in a clone, in a temporary folder; --work keeps it.
The last line is 'N noticed, N survived, N did not compile'.
"""

import argparse
import os
import random
import re
import subprocess
import sys
import tempfile

CHECKOUT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
FILES = """engine/source/source-commit.c engine/source/source-precopy.c engine/source/source-prepare.c
engine/source/source-run.c engine/agent/agent-commit.c engine/agent/agent-prepare.c engine/agent/agent-run.c
engine/agent/agent-start.c engine/agent/acceptor.c engine/recover/gw-recover.c engine/recover/recover-source.c
engine/recover/recover-destination.c engine/record/journal.c engine/record/ownership.c
engine/record/ownership-file.c engine/control/control.c engine/control/peer.c""".split()

# What is looked for in a line, and what takes its place.
CHANGES = (
    (r" && ", " || "), (r" \|\| ", " && "), (r" == ", " != "), (r" != ", " == "), (r" < ", " <= "), (r" > ", " >= "),
    (r" <= ", " < "), (r" >= ", " > "), (r"\bTRUE\b", "FALSE"), (r"\bFALSE\b", "TRUE"), (r"\(!", "("), (r"if \(", "if (!"),
    (r" \+ ", " - "), (r" - ", " + "), (r"^(\t+)[a-z_]+\([^=]*\);$", r"\1;"), (r"return TRUE;", "return FALSE;"),
    (r"return FALSE;", "return TRUE;"), (r"\bNULL\b", "(void *)1"),
)
NOT_CODE = re.compile(r"^\s*(/?\*|//|#|$|g_set_error|g_debug|static const|extern)|\*/$")


def candidates(lines):
    """(line number, change) of all that can be changed. Only bodies: their lines are indented."""
    for number, line in enumerate(lines):
        if not line.startswith("\t") or NOT_CODE.match(line):
            continue
        for pattern, text in CHANGES:
            if re.search(pattern, line) and not (text == "(void *)1" and "!= NULL" in line):
                yield number, pattern, text


def run(command, folder):
    """Its exit code. No time limit: meson has one for each suite, and ends what a change has made endless."""
    return subprocess.run(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                          stdin=subprocess.DEVNULL, check=False).returncode


def is_noticed(folder):
    """None: it does not compile."""
    if run(["meson", "compile", "-C", "build"], folder) != 0:
        return None
    tests = ["meson", "test", "-C", "build", "--no-rebuild", "--suite", "unit", "--maxfail", "1"]
    return run(tests, folder) != 0


def one(folder, path, chance):
    """One round: (what was changed, noticed or not or None)."""
    full = os.path.join(folder, path)
    with open(full, encoding="utf-8") as file:
        text = file.read()
    lines = text.split("\n")
    number, pattern, new = chance.choice(list(candidates(lines)))
    changed = re.sub(pattern, new, lines[number], count=1)
    what = "%s:%d\n  -%s\n  +%s" % (path, number + 1, lines[number], changed)
    lines[number] = changed
    with open(full, "w", encoding="utf-8") as file:
        file.write("\n".join(lines))
    try:
        return what, is_noticed(folder)
    finally:
        with open(full, "w", encoding="utf-8") as file:
            file.write(text)


def prepare(folder):
    """A clone whose tests pass as they are: else every change would be noticed."""
    if not os.path.isdir(os.path.join(folder, ".git")):
        subprocess.run(["git", "clone", "-q", CHECKOUT, folder], check=True)
    if not os.path.isdir(os.path.join(folder, "build")):
        run(["meson", "setup", "build"], folder)
    if is_noticed(folder) is not False:
        sys.exit("mutate.py: it does not build, or its tests fail, before anything is changed")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-n", dest="rounds", type=int, default=40, help="how many changes (40)")
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--work", metavar="DIR", default=None, help="the clone, which stays")
    parser.add_argument("files", nargs="*", default=FILES)
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else int.from_bytes(os.urandom(4), "big")
    chance = random.Random(seed)
    print("seed %d" % seed, flush=True)
    counts = {True: 0, False: 0, None: 0}
    with tempfile.TemporaryDirectory(prefix="godwit-mutate-") as made:
        folder = options.work or os.path.join(made, "clone")
        prepare(folder)
        for _ in range(options.rounds):
            what, noticed = one(folder, chance.choice(options.files), chance)
            counts[noticed] += 1
            if noticed is False:
                print("SURVIVED " + what, flush=True)
    print("%d noticed, %d survived, %d did not compile" % (counts[True], counts[False], counts[None]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
