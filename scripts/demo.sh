#!/bin/sh
# `npm run demo`: sets the machine up where that is still to be done, then tells Kiln's story on it.
set -eu
cd "$(dirname "$0")/.."
sh scripts/setup.sh
exec sh bin/node24 scripts/demo.ts "$@"
