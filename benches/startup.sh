#!/usr/bin/env bash
# What it costs to start: CPU and wall time of `gannet fetch` of one small page on loopback beside curl's, beside
# `gannet --version` and beside `true`, which does nothing; and how large the release binary is. They take turns.
#
# usage: benches/startup.sh [RUNS]      (50; ends within a minute)
set -euo pipefail
source "$(dirname "$0")/compare/common.sh"
runs=${1:-50}

build
make_work 50
command -v curl >/dev/null || die "curl is missing"
start_origin --pages 1 --page-size 1KiB
seed=$(head -n 1 "$work/seeds")

commands=('`true`' '`gannet --version`' '`gannet fetch URL`' '`curl URL`')
once() {
  case $1 in
    0) measure 10 true ;;
    1) measure 10 "$gannet" --version ;;
    2) measure 10 "$gannet" fetch "$seed" -q ;;
    3) measure 10 curl --silent "$seed" ;;
  esac
}
for run in $(seq 0 "$runs"); do
  for i in "${!commands[@]}"; do
    once "$i" || die "${commands[i]} failed: $(tail -n 1 "$work/stderr")"
    # The first of each warms up.
    [ "$run" = 0 ] || printf '%s\t%s\t1\t%s\t%s\n' "$run" "${commands[i]}" "$cpu" "$wall" >> "$work/figures"
  done
done

echo "$(machine); $runs runs of each in turn; the binary has $(stat -c %s "$gannet" | awk '{ printf "%.1f", $1 / 1e6 }') MB"
echo
python3 "$here/table.py" "$work/figures" run more
