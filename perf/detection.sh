#!/bin/sh
# Runs the scorers of the shared corpora over `weir scan` and `weir validate`, and prints what they say, and the figures as
# `figure:` lines. usage: detection.sh WEIR [SHARED]
set -eu
weir=$1
shared=${2:-${WEIR_SHARED:-../shared}}/corpora
if [ ! -d "$shared/detect" ]; then
	echo "no corpora in $shared: set WEIR_SHARED to the folder that holds corpora/"
	exit 0
fi
for tool in python3 jq; do
	if ! command -v $tool >/dev/null; then
		echo "$tool is not here, and the scorers need it: apt-get install $tool"
		exit 1
	fi
done
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

found() { python3 "$shared/score/run_scan.py" "$shared/detect/$1.jsonl.gz" --weir "$weir" --out "$out/$1.jsonl"; }
secrets() { python3 "$shared/score/score_secrets.py" "$shared/detect/secrets.jsonl.gz" "$out/secrets.jsonl" "$@"; }
spans() { python3 "$shared/score/score_spans.py" "$shared/detect/pii_texts.jsonl.gz" "$out/pii_texts.jsonl" "$@"; }
ids() { python3 "$shared/score/score_ids.py" "$shared/detect/ids.jsonl" "$out/ids.jsonl" "$@"; }

found secrets
found pii_texts
"$weir" validate "$shared/detect/ids.jsonl" >"$out/ids.jsonl"
secrets
spans
ids
secrets --json | jq -r '"figure: detect.secrets.recall_all \(.recall_all) ratio", "figure: detect.secrets.precision \(.precision) ratio"'
spans --json | jq -r '.types | to_entries[] | "figure: detect.pii.f1.\(.key) \(.value.f1) ratio"'
ids --json | jq -r '"figure: detect.ids.kinds \(.kinds) count", "figure: detect.ids.accuracy \(.accuracy) ratio"'
