#!/usr/bin/env bash
# CPU per page of gannet against a bare reqwest loop, and against curl and wget2 where they are installed, on the
# built-in origin (20,000 pages of 21 KB with about 60 links). The contenders take turns; the table has medians, ratios to
# the bare loop of the same round, and the spread. Loopback only; ends by itself in a few minutes.
#
# usage: benches/compare.sh [ROUNDS]
set -euo pipefail
cd "$(dirname "$0")/.."
rounds=${1:-5} at_once=50 pages=20000
cargo build --release --quiet
cargo build --release --quiet --package gannet-benches --bench bare
target=${CARGO_TARGET_DIR:-target}/release
gannet=$target/gannet
bare=$(ls -t "$target"/deps/bare-* | grep -v '\.d$' | head -1)

work=$(mktemp -d -p /dev/shm 2>/dev/null || mktemp -d)
origin=
trap '[ -z "$origin" ] || kill "$origin" 2>/dev/null || true; rm -rf "$work"' EXIT
site=(--pages "$pages" --links 60 --page-size 21KiB --robots missing)
"$gannet" origin "${site[@]}" > "$work/seeds" 2> "$work/log" & origin=$!
for _ in $(seq 100); do [ -s "$work/seeds" ] && break; sleep 0.1; done
seed=$(head -1 "$work/seeds")
address=${seed#http://}
"$gannet" origin "${site[@]}" --listen "${address%/}" --truth | awk -F'\t' '$2=="page"{print $1}' > "$work/urls"
count=$(wc -l < "$work/urls")
awk '{print "url = \"" $0 "\"\noutput = \"/dev/null\""}' "$work/urls" > "$work/curl.cfg"

names=(bare "gannet fetch" "gannet crawl" "gannet crawl --job")
run_0() { "$bare" "$work/urls" "$at_once"; }
run_1() { "$gannet" fetch "$work/urls" --workers "$at_once" -q -o "$work/out.jsonl"; }
run_2() { "$gannet" crawl "$seed" --workers "$at_once" --per-host "$at_once" -q -o "$work/out.jsonl"; }
run_3() { rm -rf "$work/job"; "$gannet" crawl "$seed" --workers "$at_once" --per-host "$at_once" -q --job "$work/job"; }
if command -v curl >/dev/null; then
  names+=("curl --parallel")
  run_4() { curl -s --parallel --parallel-max "$at_once" -K "$work/curl.cfg"; }
fi
if command -v wget2 >/dev/null && [ ${#names[@]} = 5 ]; then
  names+=("wget2 -r")
  run_5() { wget2 -q -r -l inf --max-threads="$at_once" -P "$work/wget2" "$seed"; rm -rf "$work/wget2"; }
fi

TIMEFORMAT='%U %S %R'
for round in $(seq 0 "$rounds"); do
  for i in "${!names[@]}"; do
    figures=$({ time "run_$i" > /dev/null 2>&1; } 2>&1)
    # The first round warms up.
    [ "$round" = 0 ] || echo "$round $i $figures" >> "$work/figures"
  done
done

echo "$(nproc) cores, $count pages, $at_once at once, $rounds rounds, $(date +%F), $("$gannet" --version)"
echo
echo "| what | CPU µs per page (min–max) | ratio to bare (min–max) | wall s |"
echo "|---|---|---|---|"
for i in "${!names[@]}"; do
  awk -v i="$i" -v n="$count" -v name="${names[$i]}" '
    function sorted(a, m,   j, k, t) { for (j = 2; j <= m; j++) for (k = j; k > 1 && a[k-1] > a[k]; k--) { t = a[k]; a[k] = a[k-1]; a[k-1] = t } }
    $2 == 0 { base[$1] = $3 + $4 }
    $2 == i { m++; cpu[m] = ($3 + $4) * 1e6 / n; wall[m] = $5; ratio[m] = ($3 + $4) / base[$1] }
    END { sorted(cpu, m); sorted(wall, m); sorted(ratio, m); h = int((m + 1) / 2)
      printf "| %s | %.0f (%.0f–%.0f) | %.2f (%.2f–%.2f) | %.2f |\n", name, cpu[h], cpu[1], cpu[m], ratio[h], ratio[1], ratio[m], wall[h] }
  ' "$work/figures"
done
