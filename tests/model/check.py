#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Has spin search every state of handover.pml, as it is and with each of its rules broken.

usage: check.py [--all] [--trail DIR]

As it is there must be no error. With a rule broken there must be the one that the rule is there for: a rule that can be
broken unnoticed is not modelled. The last line is 'N passed, N failed'.

--all        6 faults of every kind too: some minutes and some GiB of memory
--trail DIR  keeps what spin says about an error: the steps that lead to it
"""

import argparse
import collections
import os
import re
import shutil
import subprocess
import sys
import tempfile

MODEL = os.path.join(os.path.dirname(os.path.abspath(__file__)), "handover.pml")
MEMORY_MIB = 12000
DEPTH = 100000

TWO_COPIES = "two copies"
OLD_MEMORY = "the old memory runs again"
WRONG_STATE = "not as its user left it"

# What each of the model's assertions says, by words in it.
MEANINGS = (
    (("was_run", "is_blameless"), OLD_MEMORY),
    (("user_runs",), WRONG_STATE),
    (("new_qemu",), TWO_COPIES),
    (("source_qemu", "destination_qemu", "!("), TWO_COPIES),
    ((), "lost"),
)

# FAULTS: how many there may be of what OPTIONS allow. WANTED: the error that must come, None for none. LONG: only by --all.
Search = collections.namedtuple("Search", "name faults options wanted long", defaults=(False,))

SEARCHES = (
    Search("cuts and deaths of godwit and godwitd", 3, (), None),
    Search("likewise, 6 faults", 6, (), None),
    Search("QEMUs die", 3, ("QEMU_DIES",), None),
    Search("power fails at either host", 3, ("POWER_FAILS",), None),
    Search("all of that", 3, ("QEMU_DIES", "POWER_FAILS"), None),
    Search("all of that, 6 faults", 6, ("QEMU_DIES", "POWER_FAILS"), None, long=True),
    Search("a record is forgotten by age", 3, ("BREAK_AGE",), TWO_COPIES),
    Search("'done' is taken from anybody", 3, ("BREAK_BINDING",), TWO_COPIES),
    Search("refused after cont", 3, ("BREAK_REFUSAL",), OLD_MEMORY),
    Search("a closed monitor is taken for death", 3, ("BREAK_PROOF",), TWO_COPIES),
    Search("run does not ask the record", 3, ("BREAK_RECORD",), TWO_COPIES),
    Search("whether a COMMIT went out is read off QEMU", 3, ("BREAK_COMMIT_LINE",), TWO_COPIES),
    Search("COMMIT tells no run state", 3, ("BREAK_RUN_STATE",), WRONG_STATE),
)


def run(command, folder):
    return subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)


def meaning(assertion):
    for words, text in MEANINGS:
        if all(word in assertion for word in words):
            return text
    return None


def search(folder, defines):
    """(what was found, or None; how many states; spin's whole output)"""
    made = run(["spin", "-a", *defines, MODEL], folder)
    if made.returncode != 0 or "rror" in made.stdout:
        sys.exit("check.py: spin does not take the model:\n" + made.stdout)
    built = run(["gcc", "-O2", "-DSAFETY", "-DCOLLAPSE", "-DMEMLIM=%d" % MEMORY_MIB, "-o", "pan", "pan.c"], folder)
    if built.returncode != 0:
        sys.exit("check.py: the search does not compile:\n" + built.stdout)
    said = run(["./pan", "-m%d" % DEPTH, "-n"], folder).stdout
    states = re.search(r"(\d+) states, stored", said)
    errors = re.search(r"errors: (\d+)", said)
    if errors is None or states is None or "max search depth too small" in said or "out of memory" in said:
        return "the search did not end", 0, said
    if int(errors[1]) == 0:
        return None, int(states[1]), said
    assertion = re.search(r"assertion violated +(.*) \(at depth", said)
    return meaning(assertion[1]) if assertion else "something waits forever", int(states[1]), said


def keep_trail(folder, name, defines, said, target):
    """What spin said, and the steps that it tells of its trail."""
    os.makedirs(target, exist_ok=True)
    shutil.copy(MODEL, folder)
    steps = run(["spin", "-t", "-p", *defines, os.path.basename(MODEL)], folder).stdout
    path = os.path.join(target, re.sub(r"\W+", "-", name).strip("-") + ".txt")
    with open(path, "w", encoding="utf-8") as file:
        file.write(said + "\n" + steps)


def check(row, trail):
    defines = ["-DMAX_FAULTS=%d" % row.faults, *["-D" + option for option in row.options]]
    with tempfile.TemporaryDirectory(prefix="godwit-model-") as folder:
        found, states, said = search(folder, defines)
        passed = found == row.wanted
        print("%s %s: %s, %d states" % ("ok" if passed else "FAILED", row.name, found or "no error", states), flush=True)
        if trail and found is not None:
            keep_trail(folder, row.name, defines, said, trail)
        if not passed:
            print("\n".join(said.splitlines()[:12]))
    return passed


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--trail", default=None)
    options = parser.parse_args()
    if shutil.which("spin") is None:
        sys.exit("check.py: there is no 'spin' here; scripts/deps installs it")
    results = [check(row, options.trail) for row in SEARCHES if options.all or not row.long]
    print("%d passed, %d failed" % (results.count(True), results.count(False)))
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
