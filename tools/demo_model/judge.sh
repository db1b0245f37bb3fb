#!/usr/bin/env bash
# Makes the table of README.md again: the executable is asked about unseen pictures of both renderers, and about
# shuffled and blank ones. Arguments go to bench/demo_accuracy.ts, such as --save.
set -euo pipefail
cd "$(dirname "$0")"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python evaluate.py write "$folder" --scenes 280
cd ../..
node_modules/.bin/bun bench/demo_accuracy.ts --training "$folder" --second --questions 1060 --shuffle --blank "$@"
