#!/usr/bin/env bash
# What a TLS handshake costs: 2,000 HTTPS hosts on loopback addresses, three pages of 21 KiB each, every host with a certificate
# of its own. The client has one core, the server the other; the contenders take turns. CPU is that of the client, user
# and system; what a handshake costs is what is on top of the same pages over http, by the handshakes that the server counted.
# Linux, two cores, curl. Loopback only; some five minutes.
#
# usage: benches/tls.sh [ROUNDS [SERVER...]]    SERVER is p384, p256 or rsa, and +tls12 or +close after it: benches/tls_server.rs
set -euo pipefail
cd "$(dirname "$0")/.."
rounds=${1:-5} hosts=2000 at_once=50
servers=("${@:2}")
[ ${#servers[@]} -gt 0 ] || servers=(p384 p256 rsa p256+tls12 p256+close)
cargo build --release --quiet
cargo build --release --quiet --package gannet-benches --bench bare --bench tls_server
target=${CARGO_TARGET_DIR:-target}/release
newest() { ls -t "$target"/deps/"$1"-* | grep -v '\.d$' | head -1; }
gannet=$target/gannet bare=$(newest bare) server=$(newest tls_server)

work=$(mktemp -d -p /dev/shm 2>/dev/null || mktemp -d)
running=
stop() { [ -z "$running" ] || { kill "$running" && wait "$running"; } 2>/dev/null || true; running=; }
trap 'stop; rm -rf "$work"' EXIT
port=$((20000 + RANDOM % 10000))
# serve FLAGS...: another server, in place of the one before.
serve() {
  stop
  rm -f "$work/ready"
  taskset -c 0 "$server" "$work" "$hosts" "$port" "$@" & running=$!
  for _ in $(seq 200); do [ -e "$work/ready" ] && break; sleep 0.1; done
  # Of each host the first page: the bare loop asks for all at once, and three pages would be three handshakes.
  grep '/0$' "$work/https" > "$work/https.first"
  awk '{print "url = \"" $0 "\"\noutput = \"/dev/null\""}' "$work/https" > "$work/curl.cfg"
  export SSL_CERT_FILE=$work/ca.pem
}
stats() { curl -s "http://127.1.0.1:$((port + 1))/stats"; }

fetch() { "$gannet" fetch "$@" --workers "$at_once" -q -o "$work/out.jsonl"; }
names=("gannet, http" "gannet" "gannet --http1" "gannet --insecure" "curl --parallel" "gannet, one page" "bare loop, one page")
run_0() { fetch "$work/http"; }
run_1() { fetch "$work/https"; }
run_2() { fetch "$work/https" --http1; }
run_3() { fetch "$work/https" --insecure; }
# Told what to trust, since it reads its certificates for each connection.
run_4() { curl -s --cacert "$work/ca.pem" --parallel --parallel-max "$at_once" -K "$work/curl.cfg"; }
run_5() { fetch "$work/https.first"; }
run_6() { "$bare" "$work/https.first" "$at_once"; }

TIMEFORMAT='%U %S %R'
# measure SERVER ROUND CONTENDER: appends to the figures.
measure() {
  local before after figures
  before=$(stats)
  figures=$({ time "run_$3" > /dev/null 2>&1; } 2>&1)
  after=$(stats)
  echo "$1 $3 $2 $figures $before $after" >> "$work/figures"
}
cores=$(nproc)
taskset -cp 1 $$ > /dev/null

echo "$cores cores, $hosts hosts of 3 pages, $at_once at once, $rounds rounds, $(date +%F), $("$gannet" --version)"
echo
echo "| server | client | CPU µs per host (min–max) | handshakes per host | CPU µs per handshake | handshakes per CPU second | share of the CPU |"
echo "|---|---|---|---|---|---|---|"
# rows SERVER: all contenders in turn.
rows() {
  local title=$1 i round
  serve ${title//+/ } # each flag a word
  run_0 # warms up
  for round in $(seq "$rounds"); do
    for i in "${!names[@]}"; do measure "$title" "$round" "$i"; done
  done
  for i in "${!names[@]}"; do
    # One page of three has no yardstick of its own.
    awk -v i="$i" -v n="$hosts" -v server="$title" -v name="${names[$i]}" '
      function median(a, m,   j, k, t) { for (j = 2; j <= m; j++) for (k = j; k > 1 && a[k-1] > a[k]; k--) { t = a[k]; a[k] = a[k-1]; a[k-1] = t } return a[int((m + 1) / 2)] }
      $1 != server { next }
      { cpu = ($4 + $5) * 1e6 / n }
      $2 == 0 { plain[$3] = cpu }
      $2 == i { m++; all[m] = cpu; made[m] = ($11 + $12 - $8 - $9) / n; over[m] = cpu - plain[$3]; part[m] = 1 - plain[$3] / cpu }
      END {
        cpu = median(all, m); handshakes = median(made, m)
        printf "| %s | %s | %.0f (%.0f–%.0f) | %.2f | ", server, name, cpu, all[1], all[m], handshakes
        if (handshakes == 0 || name ~ /one page/) { print "| | |"; exit }
        cost = median(over, m) / handshakes
        printf "%.0f | %.0f | %.0f %% |\n", cost, 1e6 / cost, 100 * median(part, m)
      }' "$work/figures"
  done
}
for each in "${servers[@]}"; do rows "$each"; done
