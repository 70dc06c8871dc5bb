#!/usr/bin/env bash
# How exact rates are, by the clock of the server: nginx answers at once and logs when. Each row asks for so many requests as
# its rate makes in the time, of hosts that are addresses of loopback, and divides them by the time between the first and
# the last line of the log. "fullest second" says whether what was late was made up for in a burst. GANNET names another
# binary than the release build. Nine rows, so nine times SECONDS.
#
# usage: benches/rate.sh [SECONDS]
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-60}
if [ -z "${GANNET:-}" ]; then
  cargo build --release --quiet --package gannet
  GANNET=${CARGO_TARGET_DIR:-target}/release/gannet
fi
work=$(mktemp -d); nginx=
trap '[ -z "$nginx" ] || kill "$nginx" 2>/dev/null || true; rm -rf "$work"' EXIT
port=${PORT:-8899}
cat > "$work/nginx.conf" <<CONF
daemon off; worker_processes 1; pid $work/nginx.pid; error_log $work/error.log;
events { worker_connections 2048; }
http {
  log_format when '\$msec \$host'; access_log $work/access.log when; keepalive_requests 1000000;
  server { listen $port backlog=2048; location / { return 200 ok; } }
}
CONF
nginx -e "$work/error.log" -c "$work/nginx.conf" & nginx=$!
for _ in $(seq 100); do (: < "/dev/tcp/127.0.0.1/$port") 2>/dev/null && break; sleep 0.1; done

# row FLAG PER_SECOND HOSTS THREADS: of all hosts together for --rate, of each host for --rate-per-host
row() {
  local flag=$1 rate=$2 hosts=$3 threads=$4 count
  count=$(awk -v r="$rate" -v s="$seconds" 'BEGIN { print int(r * s) + 1 }')
  [ "$flag" = --rate ] || count=$((count * hosts))
  awk -v n="$count" -v h="$hosts" -v p="$port" 'BEGIN { for (i = 0; i < n; i++) printf "http://127.0.0.%d:%d/%d\n", i % h + 1, p, i }' > "$work/urls"
  : > "$work/access.log"
  timeout $((2 * seconds + 60)) "$GANNET" fetch "$work/urls" "$flag" "$rate/s" --threads "$threads" --fields url -o "$work/out.jsonl" \
    --progress never --quiet
  sort -n "$work/access.log" | awk -v flag="$flag" -v rate="$rate" -v hosts="$hosts" -v threads="$threads" -v n="$count" '
    { if (!($2 in first)) { first[$2] = $1; k++ } last[$2] = $1; count[$2]++; at[NR] = $1
      while ($1 - at[from + 1] >= 1) from++
      if (NR - from > most) most = NR - from }
    END {
      if (NR != n) { print "nginx saw " NR " requests, not " n > "/dev/stderr"; exit 1 }
      low = 1e9
      if (flag == "--rate") low = high = (NR - 1) / (at[NR] - at[1])
      else for (h in count) {
        r = (count[h] - 1) / (last[h] - first[h]); if (r < low) low = r; if (r > high) high = r
      }
      printf "| `%s %s/s` | %d | %d | %d | %.3f to %.3f | %+.2f %% to %+.2f %% | %d |\n", flag, rate, hosts, threads, n, low, high,
        (low / rate - 1) * 100, (high / rate - 1) * 100, most }'
}

echo "$(nproc) cores, load $(cut -d' ' -f1 /proc/loadavg), $(date +%F), $("$GANNET" --version)"
echo
echo "| rate | hosts | threads | requests | requests/s | off by | fullest second |"
echo "|---|--:|--:|--:|--:|--:|--:|"
for rate in 1 10 100 1000; do row --rate $rate 1 1; done
for rate in 10 100 1000; do row --rate $rate 50 2; done
for rate in 1 10; do row --rate-per-host $rate 20 2; done
