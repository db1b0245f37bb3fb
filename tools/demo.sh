#!/usr/bin/env bash
# Set-up, build, and one question about a picture, answered by the executable.
set -euo pipefail
cd "$(dirname "$0")/.."
tools/setup.sh
node_modules/.bin/bun tools/build_executable.ts >&2

model=tests/goldens/checkpoints/mid-mllama
picture=tests/goldens/images/grace_hopper.jpg
question="What is in this image?"
cat >&2 <<EOT

The checkpoint in this repository is a small random one: its answer is gibberish, but it comes through every
part of the program. A real answer needs a real checkpoint: dist/llamav run DIRECTORY --image PICTURE QUESTION

\$ dist/llamav run $model --image $picture --max-tokens 40 --temp 0 "$question"
EOT
exec dist/llamav run "$model" --image "$picture" --max-tokens 40 --temp 0 "$question"
