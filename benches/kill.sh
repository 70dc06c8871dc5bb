#!/bin/sh
# Kills crawls and fetches with a job directory at random moments, again and again, and checks what must hold.
# Usage: benches/kill.sh [KILLS]    (default 300; GANNET_SEED is the first seed, default 1)
set -eu
cd "$(dirname "$0")/.."
wanted=${1:-300} done=0 seed=${GANNET_SEED:-1} log=$(mktemp)
trap 'rm -f "$log"' EXIT
while [ "$done" -lt "$wanted" ]; do
    if ! GANNET_SEED=$seed GANNET_KILLS=4 cargo test -q --test it job_kill -- --nocapture >"$log" 2>&1; then
        tail -n 60 "$log"
        echo "failed with GANNET_SEED=$seed GANNET_KILLS=4 after $done kills" >&2
        exit 1
    fi
    done=$((done + $(grep -c '^killed' "$log")))
    echo "$done kills, seed $seed: good"
    seed=$((seed + 1))
done
cat <<END
$done kills in $((seed - ${GANNET_SEED:-1})) rounds of nine kinds of jobs. After each kill: the job's numbers balance; after some:
\`gannet job --verify\` finds nothing. At the end of each job: the exit code is that of a run that was never killed, each
URL (or line of a list) has exactly one record, which says what the server did, no line is torn, all outputs agree, and
a gathered list is in the order of its input.
END
