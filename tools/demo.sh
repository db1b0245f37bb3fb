#!/usr/bin/env bash
# Set-up, build, and a question about a picture, answered by the executable and the model inside it.
set -euo pipefail
cd "$(dirname "$0")/.."
tools/setup.sh
node_modules/.bin/bun tools/build_executable.ts >&2

picture=examples/scene.png
question="How many stars are there?"
cat >&2 <<EOT

\$ dist/llamav run --image $picture "$question"
EOT
exec dist/llamav run --image "$picture" "$question"
