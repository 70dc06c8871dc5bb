#!/usr/bin/env bash
# Many fetches at once of a server that takes its time: how near the throughput comes to workers ÷ latency, and what a fetch
# in flight costs. The built-in origin runs on one core, gannet on another; each row lets every worker fetch so many pages
# one after the other. "steady" leaves out the time before each worker has had its first two pages, and after the last two.
# Nothing asks for robots.txt here, so requests are pages. Loopback only; ends by itself in about two minutes.
#
# usage: benches/latency.sh
set -euo pipefail
source "$(dirname "$0")/compare/pinned.sh"

# A function, since `time` tells nothing of a subshell that becomes another program.
run() {
  (pin 0 timeout 60 "$gannet" fetch "$work/urls" --workers "$1" --fields timestamp,outcome --format csv -o "$work/out.csv" \
    --progress never 2> "$work/summary")
}

# Prints: latency in seconds, workers, pages, CPU s of gannet, CPU s of the origin, wall s, steady pages/s, MiB at most
measure() {
  local latency=$1 workers=$2 each=$3 pages=$(($2 * $3)) before after
  : > "$work/seeds"
  pin 1 "$gannet" origin --pages 2000 --page-size 4KiB --latency "${latency}s" > "$work/seeds" 2> "$work/log" & origin=$!
  for _ in $(seq 100); do [ -s "$work/seeds" ] && break; sleep 0.1; done
  awk -v n="$pages" -v seed="$(head -1 "$work/seeds")" 'BEGIN { for (i = 0; i < n; i++) print seed "p/" i % 1999 + 1 }' > "$work/urls"
  before=$(cpu "$origin")
  TIMEFORMAT='%U %S %R'
  { time run "$workers"; } 2> "$work/time"
  after=$(cpu "$origin")
  kill "$origin"; wait "$origin" 2>/dev/null || true; origin=
  [ "$(grep -c ',finished' "$work/out.csv")" = "$pages" ] || { cat "$work/summary" >&2; exit 1; }
  grep -o 'T[0-9:.]*' "$work/out.csv" | sort | awk -F'[T:]' -v w="$workers" -v n="$pages" '
    NR == 2 * w { first = ($2 * 60 + $3) * 60 + $4 } NR == n - 2 * w { last = ($2 * 60 + $3) * 60 + $4 }
    END { print (n - 4 * w) / (last - first) }' > "$work/steady"
  echo "$latency $workers $pages $(tail -1 "$work/time" | awk '{ print $1 + $2 }') $(awk -v a="$after" -v b="$before" 'BEGIN { print a - b }')" \
    "$(tail -1 "$work/time" | cut -d' ' -f3) $(cat "$work/steady") $(grep -o '[0-9.]* MiB at most' "$work/summary" | cut -d' ' -f1)"
}

for row in "0.1 50 50" "0.1 500 50" "0.1 5000 20" "1 50 10" "1 500 10" "1 5000 10"; do measure $row >> "$work/rows"; done
echo "$(nproc) cores, pages of 4 KiB, $(date +%F), $("$gannet" --version)"
echo
echo "| latency | workers | possible pages/s | steady | whole run | CPU µs per page | cores busy: gannet, origin | MiB at most |"
echo "|---|---|---|---|---|---|---|---|"
awk '{ possible = $2 / $1
  printf "| %d ms | %d | %d | %.0f (%.0f %%) | %.0f (%.0f %%) | %.0f | %.2f, %.2f | %.0f |\n", $1 * 1000, $2, possible,
    $7, $7 / possible * 100, $3 / $6, $3 / $6 / possible * 100, $4 / $3 * 1e6, $4 / $6, $5 / $6, $8 }
  $1 == 1 { mib[$2] = $8 }
  END { printf "\nEach more in flight, from 500 to 5,000: %.1f KB.\n", (mib[5000] - mib[500]) * 1048.576 / 4500 }' "$work/rows"
