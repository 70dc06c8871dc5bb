#!/bin/sh
# One URL at a time against 50 workers: how long `gannet fetch` takes for pages that are 100 ms away.
#
#   cargo build --release && docs/measure-workers.sh [PATH-TO-GANNET]
#
# Loopback only: the pages come from `gannet origin`. It ends within a minute and stops what it started.
set -eu

gannet=${1:-${CARGO_TARGET_DIR:-target}/release/gannet}
pages=200
work=$(mktemp -d)
server=
trap 'if [ -n "$server" ]; then kill "$server" 2>/dev/null || true; fi; rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

"$gannet" origin --pages "$pages" --latency 100ms >"$work/seeds" 2>"$work/log" &
server=$!
tries=0
until [ -s "$work/seeds" ]; do
    tries=$((tries + 1))
    if [ "$tries" -gt 50 ] || ! kill -0 "$server" 2>/dev/null; then
        cat "$work/log" >&2
        exit 1
    fi
    sleep 0.1
done

root=$(head -n 1 "$work/seeds")
{ echo "$root"; for n in $(seq 1 $((pages - 1))); do echo "${root}p/$n"; done; } >"$work/urls"

echo "gannet fetch of $pages pages, each 100 ms away, $(nproc) cores"
echo
echo "| workers | seconds | pages/s |"
echo "|--------:|--------:|--------:|"
for workers in 1 5 50; do
    start=$(date +%s%N)
    timeout 40 "$gannet" fetch "$work/urls" --workers "$workers" -q >"$work/records"
    end=$(date +%s%N)
    [ "$(wc -l <"$work/records")" -eq "$pages" ]
    echo "$workers $start $end" |
        awk -v pages="$pages" '{ s = ($3 - $2) / 1e9; printf "| %7d | %7.2f | %7.0f |\n", $1, s, pages / s }'
done
