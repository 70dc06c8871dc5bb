#!/usr/bin/env bash
# CPU and wall time per page of gannet against a bare reqwest loop and against its peers, on one site: 20,000 pages of 21 KB
# with about 60 links, served by nginx on loopback from memory. The contenders take turns; the table has medians, spreads,
# and ratios to the bare loop of the same round. CPU is user and system time of the whole process, all threads.
#
# usage: benches/compare.sh [ROUNDS] [--quick] [--without NAME,...] [--only NAME,...] [--figures FILE]
#
#   ROUNDS          rounds that count, after one that warms up (5); a round takes about a minute, Scrapy half of that
#   --quick         one round, 2,000 pages: does it all work?
#   --without, --only   contenders: oha curl fetch crawl job wget2-list wget2-site aiohttp scrapy (bare always runs)
#   --figures FILE  add the rounds to FILE, and print the table of all that it holds
#
# Peers that are missing are installed first (compare/peers.sh); one that cannot be had is named and left out. What is
# measured is bounded to ten minutes: rounds that would take longer are left out. Each run is checked by the server's log
# (pages sent whole) and by its own output; one that did less is named, does not count, and makes the exit code 1.
set -euo pipefail
source "$(dirname "$0")/compare/common.sh"
source "$here/peers.sh"

rounds=5 pages=20000 page_kib=21 page_links=60 scrapy_pages=2000 without= only= figures= budget=600
while [ $# -gt 0 ]; do
  case $1 in
    --quick) rounds=1 pages=2000 scrapy_pages=200 ;;
    --without) without=${2:?}; shift ;;
    --only) only=${2:?}; shift ;;
    --figures) figures=${2:?}; shift ;;
    *[!0-9]* | '') sed -n '/^# usage/,/^set/{/^set/d;s/^# \{0,1\}//;p}' "$0" >&2; exit 2 ;;
    *) rounds=$1 ;;
  esac
  shift
done

# chosen CONTENDER: by its name or the part before the dash.
chosen() {
  [ "$1" = bare ] && return
  [[ ",$without," != *",$1,"* && ",$without," != *",${1%-*},"* ]] || return
  [[ -z $only || ",$only," == *",$1,"* || ",$only," == *",${1%-*},"* ]]
}

build_bare
build
make_work 900
: "${figures:=$work/figures}"
install nginx || die "nginx is missing and cannot be installed"
ready=()
for contender in "${contenders[@]}"; do
  chosen "$contender" || continue
  if install "$contender"; then ready+=("$contender"); else
    say "left out: $contender cannot be installed ($(tail -n 1 "$work/install"))"
  fi
done

port=$(free_port) seed=http://127.0.0.1:$port/index.html
mkdir "$work/site"
python3 "$here/site.py" "$work/site" "$pages" "$page_kib" "$page_links" "http://127.0.0.1:$port"
awk '{ print "url = \"" $0 "\"\noutput = \"/dev/null\"" }' "$work/site.urls" > "$work/curl.cfg"
serve "$work/site" "$port"

# One run, checked. Scrapy does a part of the site, and a few pages more; oha draws from the list, so that it meets some
# pages twice.
turn() {
  local contender=$1 round=$2 wanted=$pages distinct all own
  [ "$contender" != scrapy ] || wanted=$scrapy_pages
  local status=0
  run "$contender" || status=$?
  read -r distinct all <<< "$(served "$work/site.sizes")"
  [ "$contender" != oha ] || distinct=$all
  own=$(written "$contender")
  if [ "$distinct" -lt "$wanted" ] || [ "${own:-$wanted}" -lt "$wanted" ]; then
    say "$contender did less: of $wanted pages it fetched $distinct and has ${own:-no} records (exit code $status)"
    tail -n 3 "$work/stderr" >&2
    failed=1
  elif [ "$round" != warm-up ]; then
    [ "$contender" != scrapy ] || wanted=$own
    printf '%s\t%s\t%s\t%s\t%s\n' "$round" "${names[$contender]}" "$wanted" "$cpu" "$wall" >> "$figures"
  fi
}

failed=0 begun=$SECONDS longest=0
for contender in "${ready[@]}"; do
  # Of the slow ones nothing needs to be warm.
  case $contender in aiohttp | scrapy) ;; *) turn "$contender" warm-up ;; esac
done
for round in $(seq "$rounds"); do
  if [ $((SECONDS - begun + longest)) -gt "$budget" ]; then
    say "stopped after $((round - 1)) rounds: another would take longer than ten minutes in all"
    break
  fi
  start=$SECONDS name=$(date +%s).$round
  for contender in "${ready[@]}"; do turn "$contender" "$name"; done
  longest=$((SECONDS - start))
done

echo "$(machine); $pages pages, nginx on one of the cores"
echo
python3 "$here/table.py" "$figures" page
exit "$failed"
