#!/bin/sh
# Format, lint, types, dead code. All four run even when one of them fails, so that one run shows everything.
set -eu
cd "$(dirname "$0")/.."
sh scripts/setup.sh
PATH=$PWD/node_modules/.bin:$PATH

failed=''
step() {
  name=$1
  shift
  if output=$("$@" 2>&1); then
    printf '✔ %s\n' "$name"
  else
    printf '✖ %s\n%s\n' "$name" "$output"
    failed="$failed $name"
  fi
}

step format oxfmt --check
step lint oxlint --type-aware
step types tsc -p .
step dead-code knip

[ -z "$failed" ] || {
  printf 'check failed:%s\n' "$failed"
  exit 1
}
