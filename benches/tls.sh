#!/usr/bin/env bash
# What a TLS handshake costs: 2,000 HTTPS hosts on loopback addresses, three pages of 21 KiB each, every host with a certificate
# of its own (tls_server.rs). The client has one core, the server the other; the contenders take turns. What a handshake costs is
# what comes on top of the same pages over http, divided by the handshakes that the server counted. Needs Linux and two cores.
#
# usage: benches/tls.sh [ROUNDS [SERVER...]]    (3; p384 p256 rsa p256+tls12 p256+close; a minute for each server)
set -euo pipefail
source "$(dirname "$0")/compare/common.sh"
rounds=${1:-3} hosts=2000
kinds=("${@:2}")
[ ${#kinds[@]} -gt 0 ] || kinds=(p384 p256 rsa p256+tls12 p256+close)

build
build_bare
server=$(built gannet-benches bench tls_server) || die "the server does not build"
make_work 50
command -v curl >/dev/null || die "curl is missing"
# Below what the kernel gives to clients, since all addresses are bound.
port=$((20000 + 2 * (RANDOM % 5000)))
export SSL_CERT_FILE=$work/ca.pem

# serve_tls KIND: the kind of certificates, and what else the server is told, joined by `+`.
serve_tls() {
  local flags scheme
  IFS=+ read -ra flags <<< "$1"
  rm -f "$work/ready"
  taskset -c 0 "$server" "$work" "$hosts" "$port" "${flags[@]}" > "$work/server.log" 2>&1 & servers+=($!)
  until_up 30 test -e "$work/ready"
  # With one page of each host, each handshake is the first with its host, and nothing is known of the certificate.
  for scheme in http https; do grep '/0$' "$work/$scheme" > "$work/$scheme.first"; done
  awk '{ print "url = \"" $0 "\"\noutput = \"/dev/null\"" }' "$work/https" > "$work/curl.cfg"
}

# How many handshakes there were, resumed ones included.
handshakes() { curl --silent "http://127.1.0.1:$((port + 1))/stats" | awk '{ print $2 + $3 }'; }

fetch() { measure 60 taskset -c 1 "$gannet" fetch "$@" --workers "$at_once" -q -o "$work/out.jsonl"; }
commands=('**gannet fetch**, http' '**gannet fetch**' '**gannet fetch --http1**' '**gannet fetch --insecure**' 'curl --parallel'
  '**gannet fetch**, http, one page' '**gannet fetch**, one page' 'bare loop, one page')
once() {
  case $1 in
    0) fetch "$work/http" ;;
    1) fetch "$work/https" ;;
    2) fetch "$work/https" --http1 ;;
    3) fetch "$work/https" --insecure ;;
    # Told what to trust, since it reads the certificates for each connection.
    4) measure 60 taskset -c 1 curl --silent --cacert "$work/ca.pem" --parallel --parallel-max "$at_once" -K "$work/curl.cfg" ;;
    5) fetch "$work/http.first" ;;
    6) fetch "$work/https.first" ;;
    7) measure 60 taskset -c 1 "$bare" "$work/https.first" "$at_once" ;;
  esac
}

# rows KIND: all commands in turn.
rows() {
  local round i before after
  serve_tls "$1"
  once 0 # warms up
  for round in $(seq "$rounds"); do
    for i in "${!commands[@]}"; do
      before=$(handshakes)
      once "$i" || die "${commands[i]} failed: $(tail -n 1 "$work/stderr")"
      after=$(handshakes)
      printf '%s\t%s\t%s\t%s\t%s\n' "$1" "$round" "$i" "$cpu" "$((after - before))" >> "$work/figures"
    done
  done
  stop_server
  for i in "${!commands[@]}"; do
    awk -F'\t' -v kind="$1" -v i="$i" -v hosts="$hosts" -v name="${commands[i]}" '
      function median(a, m,   j, k, t) {
        for (j = 2; j <= m; j++) for (k = j; k > 1 && a[k-1] > a[k]; k--) { t = a[k]; a[k] = a[k-1]; a[k-1] = t }
        return a[int((m + 1) / 2)]
      }
      $1 != kind { next }
      $3 == (i < 5 ? 0 : 5) { plain[$2] = $4 }
      $3 == i { m++; host[m] = $4 / hosts; made[m] = $5 / hosts; over[m] = $4 - plain[$2]; part[m] = over[m] / $4; each[m] = over[m] / ($5 ? $5 : 1) }
      END {
        cost = median(each, m); share = median(part, m); cpu = median(host, m)
        printf "| %s | %s | %.0f (%.0f–%.0f) | %.2f |", kind, name, cpu * 1e6, host[1] * 1e6, host[m] * 1e6, median(made, m)
        if (name ~ /http,|http$|bare/) print "  |  |  |"
        else printf " %.0f | %.0f | %.0f %% |\n", cost * 1e6, 1 / cost, share * 100
      }' "$work/figures"
  done
}

echo "$(machine); $hosts hosts of 3 pages, $rounds rounds"
echo
echo "| server | what | CPU µs per host (min–max) | handshakes per host | CPU µs per handshake | handshakes per CPU second | TLS, of all CPU |"
echo "| --- | --- | --: | --: | --: | --: | --: |"
for kind in "${kinds[@]}"; do rows "$kind"; done
