#!/bin/sh
# Measures what Weir learns, on simulated traffic and on the shared corpora where they are, and prints tables and `figure:` lines.
# usage: learning.sh BIN [SHARED] [PART…]; BIN is the folder that holds the programs. Without a PART, all of them.
set -eu
bin=$1
here=$(dirname "$0")
shared=${2:-${WEIR_SHARED:-../shared}}/corpora
parts="endpoints behaviour anomalies gate headline"
if [ $# -gt 2 ]; then
	shift 2
	parts=$*
fi
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

for tool in python3 jq; do
	if ! command -v $tool >/dev/null; then
		echo "$tool is not here, and the scorers need it: apt-get install $tool"
		exit 1
	fi
done

# Real recorded calls, and simulated ones. The learner does not see the truth, nor which test a request belongs to.
endpoints() {
	if [ -d "$shared/endpoints" ]; then
		gzip -dc "$shared/endpoints/datadog_requests.jsonl.gz" | jq -c 'del(.template, .session)' >"$out/requests.jsonl"
		"$bin/weir" learn endpoints "$out/requests.jsonl" >"$out/endpoints.jsonl"
		score="python3 $shared/score/score_endpoints.py $shared/endpoints/templates.jsonl $shared/endpoints/datadog_requests.jsonl.gz"
		$score "$out/endpoints.jsonl"
		$score "$out/endpoints.jsonl" --json | jq -r '
			[(.all | ["", .]), (.min_3_paths | [".min3", .])][] | .[0] as $rows | .[1]
			| "figure: learn.endpoints.datadog\($rows).precision \(.precision) ratio",
			  "figure: learn.endpoints.datadog\($rows).recall \(.recall) ratio",
			  "figure: learn.endpoints.datadog\($rows).grouping_accuracy \(.grouping_accuracy) ratio"'
		"$bin/weir" learn endpoints "$out/requests.jsonl" --format policy >"$out/policy.yaml"
		"$bin/weir" policy check "$out/policy.yaml"
		"$bin/bench-endpoints" --shared "$(dirname "$shared")"
	else
		echo "no corpora in $shared: set WEIR_SHARED to the folder that holds corpora/"
	fi
}

# Learnt on one API, judged on two others with other seeds. WEIR_SIM_SEED draws new traffic, of which no limit of Weir's knows.
behaviour_simulated() {
	seed=${WEIR_SIM_SEED:-1}
	"$bin/sim" --api shop --seed "$seed" --days 3 --out "$out/train.jsonl"
	"$bin/weir" learn behaviour "$out/train.jsonl" --out "$out/model.json"
	: >"$out/all.labels"
	: >"$out/all.verdicts"
	for api in clinic fleet; do
		seed=$((seed + 1))
		"$bin/sim" --api $api --seed $seed --days 2 --out "$out/$api.jsonl" --labels "$out/labels" --good-bots "$out/good"
		for model in model generic; do
			with="--model $out/model.json"
			[ $model = model ] || with=""
			# shellcheck disable=SC2086
			"$bin/weir" detect behaviour $with --measures --good-bots "$out/good" "$out/$api.jsonl" >"$out/verdicts"
			"$bin/sim-score" "$out/labels" "$out/verdicts" --name "$api-$model" --days 2
			[ $model = model ] || continue
			sed "s/\"actor\":\"/&$api /" "$out/labels" >>"$out/all.labels"
			sed "s/\"actor\":\"/&$api /" "$out/verdicts" >>"$out/all.verdicts"
		done
	done
	"$bin/sim-score" "$out/all.labels" "$out/all.verdicts" --name simulated --days 4
	"$bin/bench-ladder" --name ladder --model "$out/model.json" "$out/clinic.jsonl" "$out/fleet.jsonl"
	"$bin/bench-ladder" --name ladder-generic "$out/clinic.jsonl" "$out/fleet.jsonl"
}

# Scanners' logs in pieces of 100 requests, each an actor, against the visitors of a public site; and of those the programs that
# say so in their user agent (which Weir does not look at) against the others (visitors.py). Some of these are programs too that do not
# say so: `programs-…` and `scanners-people` leave out who can't be told. That log's minutes are its months, so its gaps say little.
behaviour_real() {
	logs="$shared/behaviour"
	if [ ! -d "$logs" ]; then
		echo "no corpora in $shared: set WEIR_SHARED to the folder that holds corpora/"
		return
	fi
	: >"$out/labels"
	: >"$out/verdicts"
	for scanner in acunetix netsparker w3af; do
		gzip -dc "$logs/scan_$scanner.log.gz" | awk -v s=$scanner '{ $3 = s "-" int(NR / 100); print }' >"$out/log"
		awk '{ if (!seen[$3]++) printf "{\"actor\":\"%s\",\"label\":\"scanner\"}\n", $3 }' "$out/log" >>"$out/labels"
		"$bin/weir" detect behaviour --measures "$out/log" >>"$out/verdicts"
	done
	gzip -dc "$logs/elastic_access.log.gz" >"$out/log"
	"$bin/weir" detect behaviour --measures "$out/log" >"$out/visitors"
	cat "$out/visitors" >>"$out/verdicts"
	awk '{ if (!seen[$1]++) printf "{\"actor\":\"%s\",\"label\":\"normal\"}\n", $1 }' "$out/log" >>"$out/labels"
	"$bin/sim-score" "$out/labels" "$out/verdicts" --name scanners --days 4
	python3 "$here/visitors.py" "$out/log" 1 | grep '"normal"' >"$out/people"
	{ grep '"scanner"' "$out/labels"; cat "$out/people"; } >"$out/labels.people"
	"$bin/sim-score" "$out/labels.people" "$out/verdicts" --name scanners-people --days 4
	for least in 1 3 5; do
		python3 "$here/visitors.py" "$out/log" "$least" all >"$out/labels"
		"$bin/sim-score" "$out/labels" "$out/visitors" --name "bots-from-$least-requests" --days 4
		python3 "$here/visitors.py" "$out/log" "$least" >"$out/labels"
		"$bin/sim-score" "$out/labels" "$out/visitors" --name "programs-from-$least-requests" --days 4
	done
}

behaviour() {
	behaviour_simulated
	behaviour_real
}

# Weeks of shops that the tests of the anomalies draw, attacked and not. WEIR_SIM_SHOPS and WEIR_SIM_SEED draw others.
anomalies_weeks() {
	cargo test -q -p weir-mgmt --lib anomaly::tests::weeks -- --ignored --nocapture | grep -vE '^(running|test|\.|$)'
}

# Nine days of the simulator, with attacks of one kind and all that is innocent. An attacker is found if an alarm names it, or is of
# many and covers it; an alarm is false if no attacker did anything meanwhile. Who attacks from the first day on is not judged.
anomalies_simulated() {
	seed=${WEIR_SIM_SEED:-1}
	alarms=0
	for kind in none scanner crawler multi-vector flood scraping brute-force spraying enumeration exhaustion; do
		"$bin/sim" --api shop --seed "$seed" --days 9 --users 600 --attacks $kind --out "$out/requests"
		"$bin/weir" detect anomaly --json "$out/requests" >"$out/alarms" || [ $? = 1 ]
		jq -n -r --arg kind $kind --slurpfile alarms "$out/alarms" '
			[$alarms[] | select(.severity != "low")] as $alarms
			| [inputs | select(.label != "normal")] | group_by(.src)
			| map({src: .[0].src, level: .[0].level, first: (map(.ts) | min), last: (map(.ts) | max)}) as $all
			| def during($a): .window.start < $a.last + 300 and .window.end > $a.first;
			  def tells($a): during($a) and (.kind | startswith("distributed") or . == "account-takeover")
				or during($a) and any(.sources.top[]; .source == $a.src);
			[$all[] | select(.first > 1772409600 + 86400)] as $judged
			| [$judged[] | . as $a | {level, found: any($alarms[]; tells($a))}] as $found
			| ([$alarms[] | . as $alarm | select(any($all[]; . as $a | $alarm | during($a)) | not)] | length) as $false
			| ($found | group_by(.level) | map("\(.[0].level) \(map(select(.found)) | length)/\(length)") | join(", ")) as $levels
			| "anomalies of \($kind): \($levels); \($false) false alarms",
			  if ($found | length) > 0 then "figure: anomaly.simulated.recall.\($kind) \(($found | map(select(.found)) | length) / ($found | length) * 1000 | round / 1000) ratio" else empty end,
			  "false \($false)"' "$out/requests" >"$out/said"
		grep -v '^false' "$out/said"
		alarms=$((alarms + $(sed -n 's/^false //p' "$out/said")))
		seed=$((seed + 1))
	done
	echo "figure: anomaly.simulated.false_alarms_per_day $(echo $alarms | awk '{ printf "%.3f", $1 / 90 }') count"
}

anomalies() {
	anomalies_weeks
	anomalies_simulated
}

# What the gate in front of the signatures saves, which learns what holds nothing.
gate() {
	if [ -d "$shared/attack" ]; then
		"$bin/bench-attacks" --shared "$(dirname "$shared")" --gate
	else
		echo "no corpora in $shared: set WEIR_SHARED to the folder that holds corpora/"
	fi
}

# Signatures alone and ModSecurity with CRS against signatures + learning. Takes some minutes; WEIR_SIM_SEED repeats a draw.
headline() {
	"$here/headline/run.sh" "$bin" "$(dirname "$shared")" >"$out/headline" || {
		cat "$out/headline"
		return 1
	}
	cat "$out/headline"
	awk -f "$here/aims.awk" "$here/aims.txt" "$out/headline"
}

for part in $parts; do
	$part
done
