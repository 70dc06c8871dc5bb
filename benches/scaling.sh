#!/usr/bin/env bash
# How gannet's cost grows: with the cores it may use, and with pages, workers, links a page and hosts.
#
# usage: benches/scaling.sh [ROUNDS] [cores] [pages] [workers] [links] [hosts]      (3 rounds; all parts)
#
# cores: the client pinned to one core, then to two, against pages of 200 KiB that nginx holds compressed, so that a page is
# much work for the client and little for the server, whose CPU is shown as well: on a machine of two cores the two of the
# client are also the server's, so that no client can be faster than 2c/(c+s) times, for c and s per page.
# The other parts: CPU per page of a crawl of the built-in origin (one process, its CPU is not counted), as one number
# grows and the others stay. Contenders take turns; each run is checked by its records. Loopback only; a part takes about
# a minute, and needs Python 3, and nginx for the first.
set -euo pipefail
source "$(dirname "$0")/compare/common.sh"
source "$here/peers.sh"

rounds=3 parts=()
for word in "$@"; do
  case $word in
    cores | pages | workers | links | hosts) parts+=("$word") ;;
    *[!0-9]* | '') sed -n '/^# usage/,/^set/{/^set/d;s/^# \{0,1\}//;p}' "$0" >&2; exit 2 ;;
    *) rounds=$word ;;
  esac
done
[ ${#parts[@]} -gt 0 ] || parts=(cores pages workers links hosts)
build
make_work 300

# note ROUND WHAT PAGES [SERVER-CPU]: a run that counts, if its records hold so many pages.
note() {
  local got
  got=$(grep -c '"outcome":"finished".*"status_code":200' "$work/records.jsonl" || true)
  [ "$got" = "$3" ] || die "$2: $got pages instead of $3: $(tail -n 1 "$work/stderr")"
  [ "$1" = 0 ] || printf '%s\t%s\t%s\t%s\t%s\t%s\n' "$1" "$2" "$3" "$cpu" "$wall" "${4:-0}" >> "$work/figures"
}

# ticks PID: the CPU time of a process in seconds.
ticks() { awk -v hertz="$(getconf CLK_TCK)" '{ print ($14 + $15) / hertz }' "/proc/$1/stat"; }

part_cores() {
  local port pages=3000 cores server worker round before kind
  [ "$(nproc)" -gt 1 ] || die "this machine has one core"
  port=$(free_port)
  install nginx || die "nginx is missing and cannot be installed"
  python3 "$here/site.py" "$work/site" "$pages" 200 60 "http://127.0.0.1:$port" gzip
  serve "$work/site" "$port" "location ~ [.]html { add_header Content-Encoding gzip; }"
  worker=$(pgrep -P "${servers[-1]}")
  for round in $(seq 0 "$rounds"); do
    for cores in 0 0-1; do
      # With more than two cores the server keeps off those of the client.
      server=$([ "$(nproc)" -gt 2 ] && echo "2-$(($(nproc) - 1))" || { [ "$cores" = 0 ] && echo 1 || echo 0-1; })
      taskset -cp "$server" "$worker" > "$work/taskset"
      for kind in fetch crawl; do
        before=$(ticks "$worker")
        case $kind in
          fetch) set -- fetch "$work/site.urls" ;;
          crawl) set -- crawl "http://127.0.0.1:$port/index.html" --per-host "$at_once" ;;
        esac
        measure 120 taskset -c "$cores" "$gannet" "$@" -w "$at_once" -q -o "$work/records.jsonl" || true
        note "$round" "$kind, $([ "$cores" = 0 ] && echo 1 core || echo 2 cores)" "$pages" \
          "$(awk -v b="$before" -v a="$(ticks "$worker")" 'BEGIN { print a - b }')"
      done
    done
  done
  stop_server
  rm -r "$work/site"
  heading "Cores: $pages pages of 200 KiB and 60 links, compressed by the server beforehand" cores
}

# point WHAT WORKERS ORIGIN-ARGUMENT...: a point of a part, with an origin of its own.
points=() point_workers=() point_pages=() proxies=()
point() {
  local what=$1 workers=$2 proxy=
  shift 2
  start_origin "$@"
  [[ " $* " != *" --proxy "* ]] || proxy=$(grep -o 'http://127[^; ]*' "$work/server.log" | head -n 1)
  cp "$work/seeds" "$work/seeds.${#points[@]}"
  points+=("$what") point_workers+=("$workers") proxies+=("$proxy")
  # How many pages there are does not depend on the port, but their URLs do.
  point_pages+=("$("$gannet" origin "$@" --listen 127.0.0.1:1 --truth | awk -F'\t' '$2 == "page"' | wc -l)")
}

# crawl_points HEADING: crawls what the points serve, in turn, and prints the table.
crawl_points() {
  local round i
  for round in $(seq 0 "$rounds"); do
    for i in "${!points[@]}"; do
      measure 120 "$gannet" crawl "$work/seeds.$i" -w "${point_workers[i]}" --per-host "${point_workers[i]}" \
        --scope any ${proxies[i]:+-x "${proxies[i]}"} -q -o "$work/records.jsonl" || true
      note "$round" "${points[i]}" "${point_pages[i]}"
    done
  done
  for i in "${!points[@]}"; do stop_server; done
  points=() point_workers=() point_pages=() proxies=()
  heading "$1"
}

heading() {
  echo "$1; $(machine)"
  echo
  python3 "$here/table.py" "$work/figures" page "${2:-ratio}"
  echo
  rm "$work/figures"
}

site=(--page-size 21KiB --robots missing)
part_pages() {
  for n in 5000 20000 80000; do point "$n pages" "$at_once" --pages "$n" --links 60 "${site[@]}"; done
  crawl_points "Pages of 21 KiB with 60 links, one host"
}
part_workers() {
  for n in 10 50 500; do point "$n workers" "$n" --pages 20000 --links 60 "${site[@]}"; done
  crawl_points "Workers; 20,000 pages of 21 KiB with 60 links, one host"
}
part_links() {
  for n in 10 60 200; do point "$n links" "$at_once" --pages 20000 --links "$n" "${site[@]}"; done
  crawl_points "Links a page; 20,000 pages of 21 KiB, one host"
}
part_hosts() {
  for n in 1 100 10000; do
    point "$n $([ "$n" = 1 ] && echo host || echo hosts)" "$at_once" --proxy --hosts "$n" --pages $((30000 / n)) --links 10 --page-size 4KiB
  done
  crawl_points "Hosts, through a proxy, and a robots.txt of each; 30,000 pages of 4 KiB with 10 links"
}

for part in "${parts[@]}"; do "part_$part"; done
