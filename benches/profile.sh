#!/usr/bin/env bash
# Where the CPU time of a page goes: `perf record` over gannet fetch, gannet crawl and the bare loop, on the site of compare.sh,
# with the samples added up by what they were spent on. Needs perf, and a kernel that lets it look.
#
# usage: benches/profile.sh [ROUNDS]      (3; ends within two minutes, after a build with symbols)
set -euo pipefail
source "$(dirname "$0")/compare/common.sh"
source "$here/peers.sh"
rounds=${1:-3} pages=20000
command -v perf >/dev/null || die "perf is missing: install Debian's linux-perf"
# The same code, with its names.
export CARGO_PROFILE_RELEASE_STRIP=none CARGO_PROFILE_RELEASE_DEBUG=1
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-target}/profile
build_bare
build
make_work 900
install nginx || die "nginx is missing and cannot be installed"
port=$(free_port)
mkdir "$work/site"
python3 "$here/site.py" "$work/site" "$pages" 21 60 "http://127.0.0.1:$port"
serve "$work/site" "$port"

# sampled NAME COMMAND...: one more round of it.
sampled() {
  local name=$1
  shift
  perf record --quiet --freq 2000 --output "$work/perf" -- "$@" > /dev/null 2> "$work/stderr" || die "$(tail -n 1 "$work/stderr")"
  perf script --input "$work/perf" --fields comm,ip,sym,dso 2> /dev/null >> "$work/$name"
}
options=(--workers "$at_once" --threads 1 --quiet -o "$work/out.jsonl")
for round in $(seq "$rounds"); do
  sampled bare "$bare" "$work/site.urls" "$at_once"
  sampled fetch "$gannet" fetch "$work/site.urls" "${options[@]}"
  sampled crawl "$gannet" crawl "http://127.0.0.1:$port/index.html" --per-host "$at_once" "${options[@]}"
done
echo "$(machine); $pages pages, nginx on one of the cores; one thread, $rounds rounds"
echo
python3 "$here/profile.py" $((rounds * pages)) "$work/bare" "$work/fetch" "$work/crawl"
