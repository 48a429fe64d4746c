#!/bin/sh
# Runs the scorers of the shared corpora over `weir scan` and prints what they say, and the figures as `figure:` lines.
# usage: detection.sh WEIR [SHARED]
set -eu
weir=$1
shared=${2:-${WEIR_SHARED:-../shared}}/corpora
if [ ! -d "$shared/detect" ]; then
	echo "no corpora in $shared: set WEIR_SHARED to the folder that holds corpora/"
	exit 0
fi
if ! command -v python3 >/dev/null; then
	echo "the scorers are Python 3, which is not here: apt-get install python3"
	exit 1
fi
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
for set in secrets pii_texts datadog_bodies; do
	python3 "$shared/score/run_scan.py" "$shared/detect/$set.jsonl.gz" --weir "$weir" --out "$out/$set.jsonl"
done
secrets() { python3 "$shared/score/score_secrets.py" "$shared/detect/secrets.jsonl.gz" "$out/secrets.jsonl" "$@"; }
spans() { python3 "$shared/score/score_spans.py" "$shared/detect/pii_texts.jsonl.gz" "$out/pii_texts.jsonl" "$@"; }
secrets
spans
secrets --json | jq -r '"figure: detect.secrets.recall_all \(.recall_all) ratio", "figure: detect.secrets.precision \(.precision) ratio"'
spans --json | jq -r '"figure: detect.pii.f1 \(.types.all.f1) ratio"'
cards=$(jq -r '.findings[] | select(.detector == "payment-card") | 1' "$out/datadog_bodies.jsonl" | wc -l)
# The set holds 10.96 MB of bodies.
awk "BEGIN { printf \"figure: detect.cards.false_per_10mb %.2f count\\n\", $cards / 1.096 }"
