# SPDX-License-Identifier: LGPL-2.1-or-later
"""From rows to figures: a median a arm, and a comparison block by block. Data in, data out."""

import random
import statistics

BOOTSTRAP_SAMPLES = 2000


def spread(values):
    """Median and quartiles, or None without a value."""
    if not values:
        return None
    ordered = sorted(values)
    if len(ordered) == 1:
        low = high = ordered[0]
    else:
        low, _, high = statistics.quantiles(ordered, n=4, method="inclusive")
    return {"n": len(ordered), "median": statistics.median(ordered), "p25": low, "p75": high}


def interval(values, seed):
    """The 95 % bootstrap interval of the median."""
    rng = random.Random(seed)
    medians = sorted(statistics.median(rng.choices(values, k=len(values)))
                     for _ in range(BOOTSTRAP_SAMPLES))
    return [medians[int(0.025 * BOOTSTRAP_SAMPLES)], medians[int(0.975 * BOOTSTRAP_SAMPLES) - 1]]


def good(rows, link, arm, metric):
    """{block: value}; a run that failed has none."""
    return {row["block"]: row[metric] for row in rows
            if row["ok"] and row["link"] == link and row["arm"] == arm and metric in row}


def compare(rows, link, arm, base, metric, how, seed):
    """ARM beside BASE inside each block: HOW is "ratio" or "difference". None without a common block."""
    ours, theirs = good(rows, link, arm, metric), good(rows, link, base, metric)
    blocks = sorted(set(ours) & set(theirs))
    if how == "ratio":
        blocks = [block for block in blocks if theirs[block] > 0]
        values = [ours[block] / theirs[block] for block in blocks]
    else:
        values = [ours[block] - theirs[block] for block in blocks]
    if not values:
        return None
    return {"n": len(values), "median": statistics.median(values), "interval95": interval(values, seed),
            "by_block": dict(zip(blocks, values))}
