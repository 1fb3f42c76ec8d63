#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The hand-over under faults that a test of one phase does not hit: real programs, real QEMUs, a guest that ticks.

  death     a program dies before its n-th visible act: godwit migrate, godwitd, godwit receive, godwit recover at either
            host; over direct, relay, multifd and TLS (deaths.py, acts.c)
  journal   a line of a journal cannot be written (journals.py)
  power     a host loses its power, and lines that were not synced (power.py)
  messages  messages come twice, late, early or not at all (messages.py)

By default a sample of all that, chosen by a seed that is printed; --all takes each. After each round exactly one guest
runs, whole, and every exit code and record says where. The last line is 'N passed, N failed'.
"""

import argparse
import concurrent.futures
import os
import random
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
sys.dont_write_bytecode = True
from tests.crash import deaths, journals, messages, power  # noqa: E402 (the path first)
from tests.live import env  # noqa: E402

QEMUS = ("7.2", "10.0")
SAMPLE = 150
POWER_ROUNDS = 60
MAX_ACTS = 200  # of one program over one kind; of more, which are the writes of one stream, every n-th
TOO_MANY_ACTS = 10000  # none makes as many
RECOVER_PHASES = ("precopy", "switchover", "commit", "cleanup")


def is_wanted(name, options):
    return not options.pattern or any(part in name for part in options.pattern)


def death_name(program, kind, number):
    return "death.%s.%s.%s.%d" % (program, kind, QEMUS[number % 2], number)


def death_rounds(counts):
    for (program, kind), number_of_acts in counts.items():
        for number in range(0, number_of_acts, number_of_acts // MAX_ACTS + 1):
            phase = RECOVER_PHASES[number // 2 % len(RECOVER_PHASES)]
            yield (death_name(program, kind, number), deaths.with_death_of,
                   (program, kind, QEMUS[number % 2], number, phase))


def journal_rounds():
    for number, (way, side) in enumerate((way, side) for way in journals.WAYS for side in journals.LINES):
        for line in journals.LINES[side]:
            qemu = QEMUS[number % 2]
            yield "journal.%s.%s.%s.%s" % (way, side, line, qemu), journals.with_line, (way, side, line, "direct", qemu)


def power_rounds(seed):
    for number in range(POWER_ROUNDS):
        chance = random.Random("%d %d" % (seed, number))
        who, phase, kind = power.WHO[number % 3], chance.choice(power.PHASES), chance.choice(("direct", "multifd2"))
        yield "power.%s.%s.%s.%d" % (who, phase, kind, number), power.with_power_loss, (who, phase, kind, chance)


def message_rounds():
    for way in messages.WAYS:
        for qemu in QEMUS:
            yield "messages.%s.%s" % (way, qemu), messages.with_messages, (way, qemu)


def count_acts(pool, options):
    """How many acts a program makes over a kind, by a round without a fault; of those that a pattern may mean."""
    wanted = [(program, kind) for program in deaths.PROGRAMS for kind in deaths.KINDS
              if any(is_wanted(death_name(program, kind, number), options) for number in range(TOO_MANY_ACTS))]
    made = [pool.submit(deaths.with_death_of, program, kind, "7.2", None) for program, kind in wanted]
    return dict(zip(wanted, [each.result() or 0 for each in made]))


def family(name):
    """What is sampled alike, however many rounds it has."""
    return ".".join(name.split(".")[:3])


def sample(rounds, wanted, chance):
    """WANTED of the ROUNDS: from each family in turn."""
    families = {}
    for each in chance.sample(rounds, len(rounds)):
        families.setdefault(family(each[0]), []).append(each)
    chosen = []
    while len(chosen) < min(wanted, len(rounds)):
        for members in families.values():
            if members:
                chosen.append(members.pop())
    return chosen[:wanted]


def run_one(name, act, arguments):
    begun = time.monotonic()
    try:
        said = act(*arguments)
        why = None
    except Exception as error:  # noqa: BLE001 (whatever it is, this round has failed)
        said, why = None, "%s: %s" % (type(error).__name__, error)
    return name if said is None else "%s (%s)" % (name, said), time.monotonic() - begun, why


def report(name, seconds, why, options):
    if why is not None:
        print("FAILED %5.1f s  %s\n       | %s" % (seconds, name, why[:2000].replace("\n", "\n       | ")), flush=True)
    elif not options.compact:
        print("ok     %5.1f s  %s" % (seconds, name), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--all", action="store_true", help="each round there is")
    parser.add_argument("--rounds", type=int, default=SAMPLE, help="of the sample (%d)" % SAMPLE)
    parser.add_argument("--seed", type=int, default=None, help="of the sample")
    parser.add_argument("-k", dest="pattern", action="append", help="part of a round's name")
    parser.add_argument("-j", dest="jobs", type=int, default=2, help="rounds at once (2)")
    parser.add_argument("--compact", action="store_true", help="tell of failures only")
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else int.from_bytes(os.urandom(4), "big")
    print("seed %d" % seed, flush=True)
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        rounds = [*death_rounds(count_acts(pool, options)), *journal_rounds(), *power_rounds(seed), *message_rounds()]
        rounds = [each for each in rounds if is_wanted(each[0], options)]
        if not options.all and len(rounds) > options.rounds:
            rounds = sample(rounds, options.rounds, random.Random(seed))
        for done in concurrent.futures.as_completed([pool.submit(run_one, *each) for each in rounds]):
            name, seconds, why = done.result()
            report(name, seconds, why, options)
            failed += why is not None
    print("%d passed, %d failed" % (len(rounds) - failed, failed))
    return 0 if rounds and not failed else 1


if __name__ == "__main__":
    if not os.path.exists(env.binary("godwit")):
        sys.exit("run.py: there is no '%s'; build first, or set GODWIT_BUILD" % env.binary("godwit"))
    sys.exit(main())
