# Sourced by compare.sh: which peers there are, how each is had, and the command of each.
#
# Debian's packages go where they belong, everything else under `cache`, which may be deleted at any time. A peer that
# cannot be installed is named and left out.

cache=${XDG_CACHE_HOME:-$HOME/.cache}/gannet-compare

# All contenders, in their order in the table: what they are called on the command line and in it.
contenders=(bare oha curl fetch crawl job wget2-list wget2-site aiohttp scrapy)
declare -A names=(
  [bare]="bare loop" [oha]="oha" [curl]="curl --parallel" [fetch]="**gannet fetch**, list" [crawl]="**gannet crawl**"
  [job]="**gannet crawl --job**" [wget2-list]="wget2, list" [wget2-site]="wget2, recursive"
  [aiohttp]="aiohttp + uvloop, list, links by regex" [scrapy]="Scrapy, recursive"
)

apt() {
  command -v apt-get >/dev/null || return
  apt-get install -y -qq "$1" || { apt-get update -qq && apt-get install -y -qq "$1"; }
}

# debian COMMAND PACKAGE
debian() { command -v "$1" >/dev/null || apt "$2"; }

# python_package MODULES PACKAGE...
python_package() {
  local python=$cache/python/bin/python
  [ -x "$python" ] || python3 -m venv "$cache/python" ||
    { apt python3-venv && python3 -m venv --clear "$cache/python"; } || return
  "$python" -c "import $1" 2>/dev/null || "$python" -m pip install --quiet --disable-pip-version-check "${@:2}"
}

# install CONTENDER: succeeds if it is there afterwards; what the tools say is in $work/install.
install() {
  case $1 in
    oha) [ -x "$cache/bin/oha" ] || timeout 900 cargo install --quiet --locked --root "$cache" oha ;;
    curl) debian curl curl ;;
    wget2-*) debian wget2 wget2 ;;
    nginx) debian nginx nginx-light ;;
    aiohttp) python_package "aiohttp, uvloop" aiohttp uvloop ;;
    scrapy) python_package scrapy scrapy ;;
  esac > "$work/install" 2>&1
}

# run CONTENDER: measures it; everything that it writes is in $work/out.
run() {
  rm -rf "$work/out" && mkdir "$work/out"
  local list=$work/site.urls out=$work/out
  case $1 in
    bare) measure 60 "$bare" "$list" "$at_once" ;;
    oha) measure 60 "$cache/bin/oha" --no-tui -n "$pages" -c "$at_once" --urls-from-file "$list" ;;
    curl) measure 60 curl --silent --parallel --parallel-max "$at_once" --config "$work/curl.cfg" ;;
    fetch) measure 60 "$gannet" fetch "$list" --workers "$at_once" -q -o "$out/records.jsonl" ;;
    crawl) measure 60 "$gannet" crawl "$seed" --workers "$at_once" --per-host "$at_once" -q -o "$out/records.jsonl" ;;
    job) measure 60 "$gannet" crawl "$seed" --workers "$at_once" --per-host "$at_once" -q --job "$out" ;;
    wget2-list) measure 60 wget2 -q -i "$list" --max-threads="$at_once" -O /dev/null ;;
    wget2-site) measure 60 wget2 -q -r -l inf --max-threads="$at_once" -P "$out" "$seed" ;;
    aiohttp) measure 120 "$cache/python/bin/python" "$here/list_aiohttp.py" "$list" "$at_once" ;;
    scrapy) measure 120 "$cache/python/bin/scrapy" runspider "$here/spider.py" -O "$out/items.jsonl" -L ERROR \
      -a seed="$seed" -s CLOSESPIDER_PAGECOUNT="$scrapy_pages" -s ROBOTSTXT_OBEY=True \
      -s CONCURRENT_REQUESTS="$at_once" -s CONCURRENT_REQUESTS_PER_DOMAIN="$at_once" ;;
  esac
}

# written CONTENDER: how many pages its own output holds; nothing where the server's log must do.
written() {
  case $1 in
    bare) awk '{ print $1 }' "$work/stdout" ;;
    fetch | crawl | job) grep -c '"outcome":"finished".*"status_code":200' "$work/out/records.jsonl" ;;
    wget2-site) find "$work/out" -name '*.html' -size +"$((page_kib - 2))"k | wc -l ;;
    aiohttp) awk '{ print $1 }' "$work/stdout" ;;
    scrapy) grep -c '"status_code": 200' "$work/out/items.jsonl" ;;
  esac || true
}
