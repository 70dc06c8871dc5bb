# Shared by compare.sh, scaling.sh and startup.sh, which source it: the binaries, a place to work in, servers on loopback,
# what a command costs, and an end that leaves nothing behind, also after Ctrl-C.
#
# Sets `here` (this directory), `work` (in memory where there is room) and, by `build`, `gannet` and `bare`.

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
running= servers=() marks=0 at_once=50

# What `set -e` ends says where.
set -E
trap 'say "stopped by line $LINENO: $BASH_COMMAND"' ERR

say() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }
die() { say "$*"; exit 2; }

clean_up() {
  trap '' INT TERM HUP
  [ -z "$running" ] || { kill "$running" 2>/dev/null && wait "$running"; } || true
  for server in ${servers[@]+"${servers[@]}"}; do kill "$server" 2>/dev/null && wait "$server"; done || true
  rm -rf "$work"
}

# A directory that the server's worker may read, too, when this is run by root.
make_work() {
  command -v python3 >/dev/null || die "Python 3 is missing"
  local memory=/dev/shm
  if [ ! -w "$memory" ] || [ "$(df -Pm "$memory" | awk 'END { print $4 }')" -lt "$1" ]; then
    memory=${TMPDIR:-/tmp}
    say "/dev/shm has no room for $1 MB; what is served lies in $memory, where a busy disk may be what is measured"
  fi
  work=$(mktemp -d "$memory/gannet-bench.XXXXXX")
  trap clean_up EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM HUP
  chmod 755 "$work"
}

# built PACKAGE KIND NAME: builds it and says where it is, whatever the target directory is.
built() {
  (cd "$here" && cargo build --release --quiet --message-format json --package "$1" "--$2" "$3") | python3 -c '
import json, sys
made = [m for m in map(json.loads, sys.stdin) if m.get("executable") and m["target"]["name"] == sys.argv[1]]
print(made[-1]["executable"])' "$3"
}

build() { gannet=$(built gannet bin gannet) || die "gannet does not build"; }

build_bare() { bare=$(built gannet-benches bench bare) || die "the bare loop does not build"; }

free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

# measure SECONDS COMMAND...: sets `cpu` and `wall`, in seconds; the output is in $work/stdout and $work/stderr.
measure() {
  local status=0
  python3 "$here/measure.py" "$work/cost" "$@" < /dev/null > "$work/stdout" 2> "$work/stderr" & running=$!
  wait "$running" || status=$?
  running=
  read -r cpu wall < "$work/cost"
  return "$status"
}

# until_up SECONDS TEST...: waits for a server that was started just now, the last of `servers`.
until_up() {
  local tenths=$(($1 * 10)) try
  shift
  for try in $(seq "$tenths"); do
    ! "$@" || return 0
    kill -0 "${servers[-1]}" 2>/dev/null || break
    sleep 0.1
  done
  cat "$work/server.log" >&2
  die "the server did not start"
}

listens() { (: < "/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# serve DIRECTORY PORT [LINE-OF-CONFIGURATION]: nginx, one process; its log is what says who fetched what.
serve() {
  mkdir -p "$work/nginx"
  sed -e "s|@ROOT@|$1|; s|@PORT@|$2|; s|@MORE@|${3:-}|" "$here/nginx.conf" > "$work/nginx/nginx.conf"
  ${pin_server:-} nginx -p "$work/nginx" -c "$work/nginx/nginx.conf" > "$work/server.log" 2>&1 & servers+=($!)
  nginx_port=$2
  until_up 10 listens "$2"
}

# served SIZES: how many different pages of the list were sent whole since the last call, and how many in all.
served() {
  local log=$work/nginx/access.log mark=/mark-$((++marks)) try
  # The server holds lines back, and writes them in order: once this request is there, all before it are.
  exec 3<> "/dev/tcp/127.0.0.1/$nginx_port"
  printf 'GET %s HTTP/1.0\r\n\r\n' "$mark" >&3
  cat <&3 > /dev/null
  exec 3>&-
  mv "$log" "$log.old"
  kill -USR1 "${servers[0]}"
  for try in $(seq 500); do ! tail -n 1 "$log.old" | grep -q "$mark" || break; sleep 0.02; done
  awk 'NR == FNR { bytes[$2] = $1; next }
    $1 == 200 && ($3 in bytes) && $2 >= bytes[$3] { all++; if (!seen[$3]++) distinct++ }
    END { print distinct + 0, all + 0 }' "$1" "$log.old"
}

# start_origin ARGUMENT...: the built-in origin; its seeds are in $work/seeds.
start_origin() {
  : > "$work/seeds"
  ${pin_server:-} "$gannet" origin "$@" > "$work/seeds" 2> "$work/server.log" & servers+=($!)
  until_up 30 test -s "$work/seeds"
}

stop_server() {
  kill "${servers[-1]}" && wait "${servers[-1]}" || true
  unset 'servers[-1]'
}

machine() { echo "$(nproc) cores, $at_once at once, $(date +%F), $("$gannet" --version), load $(cut -d' ' -f1 /proc/loadavg)"; }
