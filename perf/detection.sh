#!/bin/sh
# Everything about how well is detected, in one run: secrets, personal data and check digits by the scorers of the shared corpora,
# cards, patterns of a policy's own, and attacks with each source left out of training. Prints their tables with `figure:` lines, and
# at the end those figures that have an aim. usage: detection.sh DIRECTORY-OF-PROGRAMS [SHARED]
set -eu
bin=$1
root=${2:-${WEIR_SHARED:-../shared}}
shared=$root/corpora
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

found() { python3 "$shared/score/run_scan.py" "$shared/detect/$1.jsonl.gz" --weir "$bin/weir" --out "$out/$1.jsonl"; }
secrets() {
	python3 "$shared/score/score_secrets.py" "$shared/detect/secrets.jsonl.gz" "$out/secrets.jsonl" --kinds "$(dirname "$0")/secret-kinds.txt" "$@"
}
spans() { python3 "$shared/score/score_spans.py" "$shared/detect/pii_texts.jsonl.gz" "$out/pii_texts.jsonl" "$@"; }
ids() { python3 "$shared/score/score_ids.py" "$shared/detect/ids.jsonl" "$out/ids.jsonl" "$@"; }

all() {
	echo "== secrets"
	found secrets
	secrets
	secrets --json | jq -r '"figure: detect.secrets.recall_all \(.recall_all) ratio",
		"figure: detect.secrets.recall_shipped \(.recall_shipped) ratio", "figure: detect.secrets.precision \(.precision) ratio"'
	echo "== personal data"
	found pii_texts
	spans
	spans --json | jq -r '.types | to_entries[] | "figure: detect.pii.f1.\(.key) \(.value.f1) ratio"'
	echo "== check digits"
	"$bin/weir" validate "$shared/detect/ids.jsonl" >"$out/ids.jsonl"
	ids
	ids --json | jq -r '"figure: detect.ids.kinds \(.kinds) count", "figure: detect.ids.accuracy \(.accuracy) ratio"'
	echo "== cards"
	"$bin/bench-cards" --shared "$root"
	echo "== patterns of a policy's own"
	"$bin/bench-custom"
	echo "== attacks, each source left out of training"
	"$bin/bench-attacks" --shared "$root"
}

# A pipe forgets how its first command ended.
{ all || echo "FAILED"; } | tee "$out/all"
echo "== figures that have an aim"
awk -f "$(dirname "$0")/aims.awk" "$(dirname "$0")/aims.txt" "$out/all"
! grep -q '^FAILED$' "$out/all"
