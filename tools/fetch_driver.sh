#!/usr/bin/env bash
# Unpacks the CPU Vulkan driver of bookworm-backports' Mesa into .cache/mesa, beside the installed one, so that
# the gate runs on two generations of the compiler behind it. Installs nothing. The archive's address comes
# from the machine's own apt configuration.
#
# Where that is not possible (another distribution, no network) it says so and succeeds: the gate then counts
# the driver as not run.
set -euo pipefail
cd "$(dirname "$0")/.."

destination=.cache/mesa
[ -e "$destination/complete" ] && exit 0

not_fetched() {
  echo "set-up: second Mesa not fetched: $1" >&2
  exit 0
}

command -v apt-get >/dev/null || not_fetched "this is not a Debian"
codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-unknown}")
[ "$codename" = bookworm ] || not_fetched "only Debian 12 has an older Mesa to compare with, this is $codename"
site=$(apt-get indextargets --format '$(SITE)|$(RELEASE)' 'Created-By: Packages' |
  awk -F'|' '$2 ~ /^(bookworm|stable|oldstable)$/ { print $1; exit }')
[ -n "$site" ] || not_fetched "apt knows no archive for $codename"

echo "set-up: CPU Vulkan driver of $codename-backports" >&2
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
mkdir -p "$scratch/lists/partial" "$scratch/cache/archives/partial"
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
for suite in "$codename" "$codename-backports"; do
  echo "deb [signed-by=$keyring] $site $suite main"
done >"$scratch/sources.list"

# Own lists and cache, no locks, no sandbox user: works without root and leaves the machine's apt as it is.
apt() {
  apt-get -qq -o Dir::Etc::sourcelist="$scratch/sources.list" -o Dir::Etc::sourceparts=/dev/null \
    -o Dir::State::lists="$scratch/lists" -o Dir::Cache="$scratch/cache" \
    -o Debug::NoLocking=1 -o APT::Sandbox::User="$(id -un)" "$@" >"$scratch/log" 2>&1
}
apt update || not_fetched "$(tail -n 1 "$scratch/log")"
# --reinstall: also where the backport itself is installed already.
apt -t "$codename-backports" install -y --reinstall --download-only mesa-vulkan-drivers ||
  not_fetched "$(tail -n 1 "$scratch/log")"

rm -rf "$destination"
mkdir -p "$destination"
for package in "$scratch"/cache/archives/*.deb; do
  dpkg-deb --fsys-tarfile "$package" | tar -x -C "$destination" --wildcards --no-anchored \
    'libvulkan_lvp.so' 'libdrm.so*' 'lvp_icd*.json' 2>/dev/null || true # most packages hold none of them
done
compgen -G "$destination/usr/share/vulkan/icd.d/lvp_icd*.json" >/dev/null || not_fetched "the package holds no CPU driver"
touch "$destination/complete"
