# Sourced by every `generate` and `scenario`.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
contract=$(cd "$here/../.." && pwd)
name=${here##*/}
SPEC=$(realpath "${SPEC:-$contract/../../openapi.yaml}")
OUT=${OUT:-$contract/.generated/$name}
mkdir -p "$OUT"
OUT=$(realpath "$OUT")
PATH=$contract/node_modules/.bin:$contract/.venv/bin:$PATH
export SPEC OUT PATH GOTOOLCHAIN=local GOPROXY=off

# Exits at once when neither the spec nor what generates from it has changed since the last good run.
begin() {
  started=$(date +%s)
  hash=$(find "$SPEC" "$here" "$here"/../common.sh "$here"/../harness.ts "$contract"/package-lock.json \
    "$contract"/requirements.txt -type f -print0 | sort -z | xargs -0 sha256sum | sha256sum)
  if [ "$hash" = "$(cat "$OUT/stamp" 2>/dev/null)" ]; then
    echo "$name: unchanged"
    exit
  fi
  rm -f "$OUT/stamp"
}

# Runs a command silently; shows what it printed only when it fails.
quietly() {
  "$@" >"$OUT/log" 2>&1 || { tail -n 40 "$OUT/log" >&2; echo "$name: failed: $*" >&2; exit 1; }
}

finish() {
  echo "$hash" >"$OUT/stamp"
  echo "$name: $* in $(($(date +%s) - started)) s"
}
