#!/usr/bin/env bash
# Set-up and gate in one command: everything that must hold before a commit. Ends with the line
# "N passed, N failed, N skipped"; the exit status is 0 only if nothing failed.
set -euo pipefail
cd "$(dirname "$0")/.."
tools/setup.sh --tests
exec node_modules/.bin/bun tools/gate.ts "$@"
