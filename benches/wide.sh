#!/usr/bin/env bash
# A crawl of many hosts, three pages each and a second between two requests to a host, against a crawl of one site with the
# same pages and links: CPU per page, how many workers are busy over time, connections, memory. The built-in origin plays all
# hosts behind its forward proxy on one core, with 100 ms of latency, and gannet runs on another. Each host costs one
# request for robots.txt more. Loopback only; ends by itself: 100,000 hosts take two minutes.
#
# usage: benches/wide.sh [HOSTS]
set -euo pipefail
source "$(dirname "$0")/compare/pinned.sh"
hosts=${1:-100000} workers=500

# A function, since `time` tells nothing of a subshell that becomes another program.
run() {
  (pin 0 timeout 300 "$gannet" crawl -x "$1" http://h0.test/ --scope any --workers "$workers" -o "$work/out.jsonl" \
    --progress always "${@:2}" 2> "$work/summary")
}

# measure NAME HOSTS PAGES ARGUMENT...: adds a row to the table, and leaves the progress in $work/summary.
measure() {
  local name=$1 proxy spent
  : > "$work/seeds"
  pin 1 "$gannet" origin --proxy --hosts "$2" --pages "$3" --links 60 --page-size 21KiB --latency 100ms \
    > "$work/seeds" 2> "$work/log" & origin=$!
  for _ in $(seq 100); do [ -s "$work/seeds" ] && break; sleep 0.1; done
  proxy=$(grep -o 'http://127[^;]*' "$work/log" | head -1)
  shift 3
  TIMEFORMAT='%U %S %R'
  { time run "$proxy" "$@"; } 2> "$work/time"
  spent=$(cpu "$origin")
  kill -INT "$origin"; wait "$origin" || true; origin=
  awk -v name="$name" -v spent="$spent" '
    FNR == 1 { file++ }
    file == 1 { cpu = $1 + $2; wall = $3 }
    file == 2 && /came out/ { pages = $3 } file == 2 && / robots.txt, / { sub(/.*again, /, ""); robots = $1; hosts = $3 }
    file == 2 && /at most/ { mib = $2 }
    file == 3 && /requests on/ { connections = $6 }
    END { printf "| %s | %d | %d | %d | %.0f | %.0f | %.0f | %.2f, %.2f | %d | %.0f |\n", name, hosts, pages, robots,
      (pages + robots) / wall, cpu / pages * 1e6, cpu / (pages + robots) * 1e6, cpu / wall, spent / wall, connections, mib }
  ' "$work/time" "$work/summary" "$work/log" >> "$work/rows"
}

measure "one site" 1 60000 --per-host "$workers"
measure "many hosts" "$hosts" 3 --delay 1s
echo "$(nproc) cores, pages of 21 KiB with about 60 links, $workers workers, 100 ms, $(date +%F), $("$gannet" --version)"
echo
echo "| crawl | hosts | pages | robots.txt | requests/s | CPU µs per page | per request | cores busy: gannet, origin | connections | MiB at most |"
echo "|---|---|---|---|---|---|---|---|---|---|"
cat "$work/rows"
grep -o '[0-9]* queued, [0-9]* in flight' "$work/summary" | awk -v w="$workers" '
  # From the first time that all workers had something to do, to the last time that more URLs waited than they ask in a second:
  # after that what waits does so for the delay of its host.
  { n++; flight[n] = $3; if ($3 >= w && !first) first = n; if ($1 >= 10 * w) last = n; shown = shown " " $3 }
  END { for (i = first; i <= last; i++) sum += flight[i]
    printf "\nWorkers with something to do, every 2 s:%s; %.1f %% of them, from the first time that all had until less than a second of work waited.\n",
      shown, sum / (last - first + 1) / w * 100 }'
