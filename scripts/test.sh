#!/bin/sh
# Every test: beside the sources, the simulation, end to end, the examples. One run of node's test runner, so that its
# closing lines speak for all of them.
#   sh scripts/test.sh [FILE…]      only these files
# A test that hangs has failed after a quarter of an hour. With CI=true a missing component is a failure; otherwise the tests that need it are skipped, and listed at the end.
set -eu
cd "$(dirname "$0")/.."
sh scripts/setup.sh --test || [ "${CI-}" != true ]
PATH=$PATH:/usr/sbin:/sbin:$PWD/node_modules/.newer-debian/usr/bin
export PATH

[ $# -gt 0 ] || set -- 'src/**/*.test.ts' 'test/**/*.test.ts'
exec sh bin/node24 --test --test-timeout=900000 --test-concurrency="${KILN_TEST_CONCURRENCY:-2}" --test-reporter=./scripts/test-report.ts "$@"
