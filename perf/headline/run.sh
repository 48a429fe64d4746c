#!/bin/sh
# The headline: signatures alone, and ModSecurity with CRS at paranoia 1, against signatures + learning on the same labelled traffic; how
# many false alarms are saved at equal recall. usage: headline/run.sh BIN [SHARED]; BIN is the folder that holds the programs.
#
# What is learnt is learnt first and then frozen. Only then the simulator's parameters are drawn, from the digest of all models and the
# day; WEIR_SIM_SEED repeats a draw. Requests of the corpora are judged by an attack model that has not seen their source.
set -eu
bin=$1
shared=${2:-${WEIR_SHARED:-../shared}}
here=$(cd "$(dirname "$0")" && pwd)
if [ ! -d "$shared/corpora/attack" ]; then
	echo "no corpora in $shared: set WEIR_SHARED to the folder that holds corpora/"
	exit 0
fi
shared=$(cd "$shared" && pwd)
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

# The corpora without some files: they are there, and empty.
train_without() {
	name=$1
	shift
	mkdir -p "$out/without/corpora"
	for folder in "$shared"/corpora/*/; do
		mkdir -p "$out/without/corpora/$(basename "$folder")"
		ln -sf "$folder"* "$out/without/corpora/$(basename "$folder")/"
	done
	for file in "$@"; do
		rm "$out/without/corpora/$file"
		gzip -c </dev/null >"$out/without/corpora/$file"
	done
	"$bin/train-attack" --shared "$out/without" --out "$out/$name.bin" >/dev/null
	rm -r "$out/without"
}

train_without csic attack/csic_normal.jsonl.gz attack/csic_anomalous.jsonl.gz
train_without sqli attack/benign_legit6.jsonl.gz attack/sqli_train.jsonl.gz
train_without crs attack/crs.jsonl.gz
train_without logs behaviour/elastic_access.log.gz
"$bin/sim" --api shop --seed 1 --days 3 --out "$out/shop.jsonl"
"$bin/weir" learn behaviour "$out/shop.jsonl" --out "$out/behaviour.json"

digest=$(cat "$out"/*.bin "$out/behaviour.json" "$here/../../inspect/models/attack.bin" | sha256sum | cut -c1-7)
day=$(date -u +%F)
seed=${WEIR_SIM_SEED:-$(((0x$digest + $(echo "$day" | tr -d -)) % 1000000))}
users=$((200 + seed % 401))
attackers=$((2 + seed % 4))
echo "the models are frozen ($digest); drawn on $day: seed $seed, $users people, $attackers attackers of each kind and level"
# A caller's verdict is the shipped one: of what it does, and of what is in its requests, judged by $1 (logs: by a model that has not seen them).
verdicts() {
	attacks=$1 file=$2
	shift 2
	"$bin/weir" detect behaviour --model "$out/behaviour.json" --attacks="$attacks" "$@" "$file"
}
for api in clinic fleet; do
	"$bin/sim" --api $api --seed "$seed" --days 2 --users $users --attackers $attackers \
		--out "$out/$api.jsonl" --labels "$out/$api.labels" --good-bots "$out/good"
	verdicts shipped "$out/$api.jsonl" --good-bots "$out/good" >"$out/$api.verdicts"
	cp "$out/$api.verdicts" "$out/$api.seen"
	seed=$((seed + 1))
done

# As for `behaviour`: scanners' logs in pieces of 100 requests, each a caller, and the visitors of a public site.
for scanner in acunetix netsparker w3af; do
	gzip -dc "$shared/corpora/behaviour/scan_$scanner.log.gz" | awk -v s=$scanner '{ $3 = s "-" int(NR / 100); print }'
done >"$out/scanners.log"
gzip -dc "$shared/corpora/behaviour/elastic_access.log.gz" >"$out/visitors.log"
for log in scanners visitors; do
	verdicts "$out/logs.bin" "$out/$log.log" >"$out/$log.verdicts"
	verdicts shipped "$out/$log.log" >"$out/$log.seen"
done

# A line a distinct request, one file for each model that judges it; and a line a unit that is an attack or is not.
python3 "$here/traffic.py" "$shared/corpora/attack" "$here/../src/attack/crs-level-1.txt" "$out"
for model in csic sqli crs logs shipped; do
	with="--model $out/$model.bin"
	[ $model = shipped ] && with=""
	# shellcheck disable=SC2086
	"$bin/weir" score $with "$out/$model.requests" >>"$out/learning.scores"
	"$bin/weir" score "$out/$model.requests" >>"$out/seen.scores"
	"$bin/weir" score --model none "$out/$model.requests" >>"$out/signatures.scores"
done
if command -v nginx >/dev/null && [ -e /usr/lib/nginx/modules/ngx_http_modsecurity_module.so ] && [ -d /usr/share/modsecurity-crs/rules ]; then
	cat "$out"/*.requests | python3 "$here/modsecurity.py" >"$out/modsecurity.scores"
else
	echo "ModSecurity is not here, so its rows are left out: apt-get install libnginx-mod-http-modsecurity modsecurity-crs"
fi
python3 "$here/score.py" "$out"
