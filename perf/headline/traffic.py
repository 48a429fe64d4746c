#!/usr/bin/env python3
"""Lays out the traffic of the headline: what is judged, and what is counted.

usage: traffic.py CORPORA/attack CRS-LEVEL-1 DIR. Reads from DIR what run.sh has put there, and writes into it
  MODEL.requests  distinct requests as JSON lines with an `id`; MODEL is the attack model that has not seen their source
  units           a JSON line each: traffic, set, attack (bool), ids of its requests, and of a caller what learning says of it
A unit is a request of the corpora, or a caller of simulated traffic and of logs.
"""
import gzip
import json
import re
import sys
from pathlib import Path

# Requests of a set that are judged: evenly drawn from the distinct ones, so that a run takes minutes.
ATTACKS, HARMLESS = 3000, 5000
# Not sent to anybody. CRS 3.3.4 refuses each request with this header (rule 920450), which the browsers of CSIC sent in 2010 and none does
# today: it would refuse all of CSIC, attacks and harmless ones, and any comparison with it would be about this header.
OBSOLETE = "accept-charset"
# CRS tests that break a protocol or fix a session are not about what is in a value, which is what `weir score` reads.
PROTOCOL = ("920", "921", "922", "943")
COMBINED = re.compile(r'(\S+) \S+ (\S+) \[[^]]*\] "(\S+) (\S+)[^"]*" \S+ \S+ "([^"]*)" "([^"]*)"')


class Traffic:
    def __init__(self, folder):
        self.folder, self.ids, self.requests = folder, {}, {}
        self.units = open(folder / "units", "w")

    def request(self, model, request):
        """The id of an equal request, which it gets if it is new."""
        request = {k: request[k] for k in ("method", "url", "host", "headers", "body", "body_b64") if k in request}
        request["headers"] = {k: v for k, v in request["headers"].items() if k.lower() != OBSOLETE}
        key = model + json.dumps(request, sort_keys=True)
        if key not in self.ids:
            self.ids[key] = f"{model}-{len(self.ids)}"
            self.requests.setdefault(model, []).append(request | {"id": self.ids[key]})
        return self.ids[key]

    def unit(self, traffic, name, attack, ids, caller=None):
        row = {"traffic": traffic, "set": name, "attack": attack, "requests": sorted(ids), "caller": caller}
        print(json.dumps(row), file=self.units)

    def close(self):
        self.units.close()
        for model, requests in self.requests.items():
            (self.folder / f"{model}.requests").write_text("".join(json.dumps(r) + "\n" for r in requests))


def lines(path):
    with (gzip.open(path, "rt") if path.suffix == ".gz" else open(path)) as file:
        return [json.loads(line) for line in file]


def corpus(traffic, path, name, model, most, wanted=lambda row: True):
    rows = [r for r in lines(path) if wanted(r)]
    distinct = {}
    for row in rows:
        distinct.setdefault(json.dumps([row.get(k) for k in ("method", "url", "headers", "body", "body_b64")]), row)
    distinct = list(distinct.values())
    drawn = [distinct[i * len(distinct) // most] for i in range(most)] if len(distinct) > most else distinct
    for row in drawn:
        traffic.unit("requests", name, row["label"] == "attack", [traffic.request(model, row)])


def default_rule(level_1):
    numbers = set(re.findall(r"\b\d{6}\b", re.sub("(?m)^#.*", "", level_1.read_text())))
    return lambda r: (r["label"] == "attack" and r["direction"] == "request" and r["test_id"].split("-")[0] in numbers
                      and not r["test_id"].startswith(PROTOCOL))


class Verdicts:
    """What is said of callers, by a model that has not seen their requests, and by the shipped one."""

    def __init__(self, folder, name):
        files = {"learning": f"{name}.verdicts", "seen": f"{name}.seen"}
        self.said = {system: {row["actor"]: row["score"] for row in lines(folder / file)} for system, file in files.items()}

    def of(self, actor):
        return {system: scores[actor] for system, scores in self.said.items()}


def simulated(traffic, folder, api):
    verdicts, callers = Verdicts(folder, api), {}
    for record in lines(folder / f"{api}.jsonl"):
        callers.setdefault(record.get("user") or record["src"], set()).add(traffic.request("shipped", record))
    for row in lines(folder / f"{api}.labels"):
        actor = row["actor"]
        traffic.unit("callers", api, row["label"] != "normal", callers.pop(actor), verdicts.of(actor))
    if callers:
        raise SystemExit(f"{api}: callers without a label: {sorted(callers)[:3]}")


def logged(traffic, folder, log, attack):
    verdicts, callers = Verdicts(folder, log), {}
    for line in open(folder / f"{log}.log"):
        found = COMBINED.match(line)
        if not found:
            continue
        address, user, method, url, referer, agent = found.groups()
        headers = {"Host": "www.example.com", "Accept": "*/*", "User-Agent": agent, "Referer": referer}
        headers = {k: v for k, v in headers.items() if v not in ("", "-")}
        request = traffic.request("logs", {"method": method, "url": url, "headers": headers})
        callers.setdefault(user if attack else address, set()).add(request)
    for actor, ids in callers.items():
        traffic.unit("logs", log, attack, ids, verdicts.of(actor))
    print(f"{log}: {len(callers)} callers")


def main():
    corpora, level_1, folder = (Path(p) for p in sys.argv[1:])
    traffic = Traffic(folder)
    corpus(traffic, corpora / "sqli_train.jsonl.gz", "sqli_train", "sqli", ATTACKS)
    corpus(traffic, corpora / "csic_anomalous.jsonl.gz", "csic_anomalous", "csic", ATTACKS)
    corpus(traffic, corpora / "crs.jsonl.gz", "crs", "crs", ATTACKS, default_rule(level_1))
    corpus(traffic, corpora / "benign_legit6.jsonl.gz", "legit6", "sqli", HARMLESS)
    corpus(traffic, corpora / "csic_normal.jsonl.gz", "csic_normal", "csic", HARMLESS)
    simulated(traffic, folder, "clinic")
    simulated(traffic, folder, "fleet")
    logged(traffic, folder, "scanners", True)
    logged(traffic, folder, "visitors", False)
    traffic.close()


main()
