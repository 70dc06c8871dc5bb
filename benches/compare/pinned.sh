# Shared by latency.sh and wide.sh, which source it: a release build of gannet, a place to work in, and the built-in origin as
# the one server, on a core of its own. Sets `gannet` and `work`; who starts the origin keeps its process in `origin`.

cd "$(dirname "${BASH_SOURCE[0]}")/../.."
cargo build --release --quiet --package gannet
gannet=${CARGO_TARGET_DIR:-target}/release/gannet
work=$(mktemp -d -p /dev/shm 2>/dev/null || mktemp -d)
origin=
trap '[ -z "$origin" ] || kill "$origin" 2>/dev/null || true; rm -rf "$work"' EXIT

# pin CORE COMMAND...: becomes the command, on that core.
pin() { local core=$1; shift; if [ "$(nproc)" -gt 1 ] && command -v taskset >/dev/null; then exec taskset -c "$core" "$@"; else exec "$@"; fi; }

# CPU seconds of a process so far.
cpu() { awk -v hz="$(getconf CLK_TCK)" '{ sub(/.*\) /, ""); print ($12 + $13) / hz }' "/proc/$1/stat"; }
