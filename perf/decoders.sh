#!/bin/sh
# What `cargo bench --bench decoders` measured, as `figure:` lines: ns a byte of content, and Weir over the library.
# usage: decoders.sh TARGET_DIR
set -eu
cd "$1/criterion"
for decoder in gzip deflate br zstd base64 json; do
	ns() { jq -s '.[0].median.point_estimate / .[1].throughput.Bytes' "$decoder/$1/new/estimates.json" "$decoder/$1/new/benchmark.json"; }
	weir=$(ns weir) library=$(ns library)
	jq -nr --arg d $decoder --argjson w "$weir" --argjson l "$library" \
		'def two: . * 100 | round / 100; "figure: decode.\($d).ns_per_byte \($w | two) ns", "figure: decode.\($d).over_library \($w / $l | two) ratio"'
done
