#!/usr/bin/env python3
"""Who of the visitors in an access log is a program and who a person, as far as that can be told without what Weir looks at.

usage: visitors.py LOG LEAST [all]: labels (JSON lines) of those with at least LEAST requests; with `all` also of those left out, as `normal`

program  most of its requests say so in their User-Agent: a word for programs, an address to write to, or not the form that
         browsers have used since 1993 (`Mozilla/5.0 (platform …`)
normal   none of its requests does
left out what can't be told: some of its requests say so; it asks for /robots.txt; programs that say so share its network (/24),
         since search engines send some requests as a browser from the addresses beside
"""
import collections
import json
import re
import sys

LINE = re.compile(r'(\S+) .*?"(\S+) (\S+)[^"]*" \d+ \S+ "[^"]*" "([^"]*)"')
WORDS = re.compile(
    "bot|crawl|spider|slurp|feed|rss|reader|curl|wget|python|java/|libwww|http|perl|ruby|monitor|fetch|parser|@", re.I)
BROWSER = re.compile(r"(Mozilla|Opera)/\d.*\(")


def network(address):
    return address.rpartition(".")[0]


def main(log, least, everybody):
    requests, programs, robots = collections.Counter(), collections.Counter(), set()
    with open(log, encoding="utf8", errors="replace") as lines:
        for line in filter(None, map(LINE.match, lines)):
            address, _, url, agent = line.groups()
            requests[address] += 1
            programs[address] += bool(WORDS.search(agent)) or not BROWSER.match(agent)
            if url.startswith("/robots.txt"):
                robots.add(address)
    said = {a for a, n in requests.items() if programs[a] * 2 > n}
    networks = {network(a) for a in said}
    for address, n in requests.items():
        unclear = programs[address] or address in robots or network(address) in networks
        if n >= least and (address in said or everybody or not unclear):
            label = "program" if address in said else "normal"
            print(json.dumps({"actor": address, "label": label}))


main(sys.argv[1], int(sys.argv[2]), "all" in sys.argv[3:])
