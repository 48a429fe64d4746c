#!/usr/bin/env python3
"""False alarms at equal recall: prints the table and the `figure:` lines of the headline.

usage: score.py DIR, with `units` and SYSTEM.scores in it; modsecurity.scores may be missing.

A unit (a request, or a caller) scores what the worst of its requests scores; a caller, with learning, what `weir detect behaviour
--attacks` says of it. Systems raise an alarm from 0.5 on.

Equal recall: a baseline stays as it is shipped. Signatures + learning take, within each kind of traffic, the highest threshold at
which they find at least as many attacks as the baseline finds there; their false alarms are counted at that threshold. If
some of those attacks score nothing at all, the threshold is zero, and all is an alarm: nothing is left out or interpolated.

The interval: 1,000 times, the attacks and the harmless units of each set are drawn anew with replacement, the same draw for both
systems, and the threshold is looked for anew; 2.5 % of the results are below it and 2.5 % above it.
"""
import json
import math
import random
import sys
from pathlib import Path

ALARM = 0.5
DRAWS = 1000
BASELINES = ("modsecurity", "signatures")


def lines(path):
    with open(path) as file:
        return [json.loads(line) for line in file]


def load(folder):
    """By system: a score for each unit. `seen` is learning with a model that was trained on the corpora's requests too."""
    units = lines(folder / "units")
    systems = {}
    for system in ("modsecurity", "signatures", "learning", "seen"):
        path = folder / f"{system}.scores"
        if not path.exists():
            continue
        scores = {row["id"]: row["score"] for row in lines(path)}
        systems[system] = [unit["caller"][system] if unit["caller"] and system in unit["caller"] else max(scores[i] for i in unit["requests"])
                           for unit in units]
    return units, systems


# What is added up in the headline; and sources that have attacks and harmless requests, judged by one model that has seen neither:
# models that have seen different sources are not equally strict, so requests that several judge have no threshold that fits all.
KINDS = ("requests", "callers", "logs")
SOURCES = {"requests.sqli_train+legit6": ("sqli_train", "legit6"), "requests.csic": ("csic_anomalous", "csic_normal")}


class Kind:
    """Some units of one kind of traffic, with what a baseline and learning say of them."""

    def __init__(self, units, baseline, learning):
        self.strata = {}
        for unit, alarm, score in zip(units, baseline, learning):
            self.strata.setdefault((unit["set"], unit["attack"]), []).append((alarm >= ALARM, score))

    def alarms(self, draw=lambda rows: rows):
        """False alarms of the baseline, and of learning at the same recall; with the threshold."""
        drawn = [(attack, draw(rows)) for (_, attack), rows in self.strata.items()]
        attacks = [row for attack, rows in drawn if attack for row in rows]
        harmless = [row for attack, rows in drawn if not attack for row in rows]
        found = sum(alarm for alarm, _ in attacks)
        # Nothing found is as many as with no alarm at all.
        threshold = sorted((score for _, score in attacks), reverse=True)[found - 1] if found else float("inf")
        return sum(alarm for alarm, _ in harmless), sum(score >= threshold for _, score in harmless), threshold


def saved(before, after):
    """The share of false alarms that is saved; none where there were none."""
    return 1 - after / before if before else (0.0 if after == 0 else float("-inf"))


def compare(kinds, seed=1):
    whole = [kind.alarms() for kind in kinds]
    chance = random.Random(seed)
    draws = []
    for _ in range(DRAWS):
        sums = [kind.alarms(lambda rows: chance.choices(rows, k=len(rows))) for kind in kinds]
        draws.append(saved(sum(s[0] for s in sums), sum(s[1] for s in sums)))
    draws.sort()
    before, after = sum(w[0] for w in whole), sum(w[1] for w in whole)
    return before, after, saved(before, after), draws[DRAWS // 40], draws[-DRAWS // 40 - 1], whole


def table(units, systems, groups):
    print(f"\n{'system':12} {'traffic':24} {'found':>14} {'recall':>8} {'false alarms':>14} {'rate':>8}")
    for name, chosen in groups.items():
        for system, scores in systems.items():
            rows = [(units[i]["attack"], scores[i] >= ALARM) for i in chosen]
            attacks, harmless = ([alarm for attack, alarm in rows if attack == wanted] for wanted in (True, False))
            recall = f"{sum(attacks) / len(attacks):8.4f}" if attacks else f"{'-':>8}"
            fpr = f"{sum(harmless) / len(harmless):8.4f}" if harmless else f"{'-':>8}"
            print(f"{system:12} {name:24} {sum(attacks):6} of {len(attacks):5} {recall} {sum(harmless):5} of {len(harmless):6} {fpr}")
            if attacks:
                print(f"figure: headline.{name}.{system}.recall {recall.strip()} ratio")
            if harmless:
                print(f"figure: headline.{name}.{system}.fpr {fpr.strip()} ratio")


def main():
    folder = Path(sys.argv[1])
    units, systems = load(folder)
    groups = {}
    for i, unit in enumerate(units):
        for name in (unit["traffic"], f"{unit['traffic']}.{unit['set']}"):
            groups.setdefault(name, []).append(i)
    table(units, systems, groups)
    print("\n`seen`: the shipped attack model, which was trained on these requests; `learning`: models that have not seen their source")
    for baseline in BASELINES:
        if baseline not in systems:
            continue
        of = {}
        for name in (*KINDS, *SOURCES):
            chosen = [i for i, unit in enumerate(units) if name == unit["traffic"] or unit["set"] in SOURCES.get(name, ())]
            of[name] = Kind(*([column[i] for i in chosen] for column in (units, systems[baseline], systems["learning"])))
        print(f"\nfalse alarms at the recall of {baseline}")
        for name, chosen in [*((name, [name]) for name in of), ("all", KINDS)]:
            before, after, share, low, high, whole = compare([of[k] for k in chosen])
            thresholds = ", ".join(f"{threshold:.6f}" for _, _, threshold in whole)
            print(f"{name:26} {before:5} without learning, {after:5} with it (threshold {thresholds}): saved {share:.4f}, 95 % {low:.4f} to {high:.4f}")
            figure = f"headline.false_alarms_saved.{baseline}.{name}"
            # The headline is against the product that others run.
            names = [figure] + (["headline.false_alarms_saved"] if (baseline, name) == ("modsecurity", "all") else [])
            for figure in names:
                for part, value in (("", share), ("_low", low), ("_high", high)):
                    # Without a false alarm to begin with there is no share that a further one is of.
                    if math.isfinite(value):
                        print(f"figure: {figure}{part} {value:.4f} ratio")


main()
