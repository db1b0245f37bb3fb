#!/usr/bin/env bash
# Makes a fresh checkout ready: npm packages (Bun and Deno come through npm), the shader compiler and a Vulkan
# driver (through apt, only what is missing), compiled shaders.
#
#   tools/setup.sh            what building and running need
#   tools/setup.sh --tests    and what the gate needs: headers, validation layer, C compiler, a second Mesa
#
# Does nothing twice: a second run takes a second.
set -euo pipefail
cd "$(dirname "$0")/.."

for_tests=false
case "${1:-}" in
  "") ;;
  --tests) for_tests=true ;;
  *) echo "Unknown argument $1; the only one is --tests" >&2; exit 2 ;;
esac

say() { echo "set-up: $*" >&2; }

# --- npm ----------------------------------------------------------------------------------------------------
# Install scripts stay off; the two that are wanted are called by name. They put the platform's binary in place.
install_npm() {
  local want
  want=$(sha256sum package-lock.json | cut -d' ' -f1)
  if [ "$(cat node_modules/.lock_hash 2>/dev/null)" != "$want" ]; then
    say "npm packages"
    npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >&2
    (cd node_modules/bun && node install.js)
    (cd node_modules/deno && node install.cjs)
    echo "$want" >node_modules/.lock_hash
  fi
}

# --- apt ----------------------------------------------------------------------------------------------------
has_library() {
  local libraries
  # First all of it: grep -q leaves at the first match, and pipefail would take the broken pipe for "not there".
  libraries=$(ldconfig -p 2>/dev/null || /sbin/ldconfig -p)
  grep -q "$1" <<<"$libraries"
}

has_vulkan_driver() {
  local directory
  for directory in /usr/share/vulkan/icd.d /usr/local/share/vulkan/icd.d /etc/vulkan/icd.d; do
    compgen -G "$directory/*.json" >/dev/null && return 0
  done
  [ -n "${VK_DRIVER_FILES:-${VK_ICD_FILENAMES:-}}" ]
}

# Prints the packages whose files are not there.
missing_packages() {
  command -v glslangValidator >/dev/null || echo glslang-tools
  command -v spirv-val >/dev/null || echo spirv-tools
  has_library 'libvulkan\.so\.1' || echo libvulkan1
  has_vulkan_driver || echo mesa-vulkan-drivers
  $for_tests || return 0
  compgen -G '/usr/share/vulkan/icd.d/lvp_icd*.json' >/dev/null || echo mesa-vulkan-drivers
  [ -e /usr/include/vulkan/vulkan.h ] && [ -e /usr/share/vulkan/registry/vk.xml ] || echo libvulkan-dev
  compgen -G '/usr/share/vulkan/explicit_layer.d/VkLayer_khronos_validation.json' >/dev/null ||
    echo vulkan-validationlayers
  command -v gcc >/dev/null || echo gcc libc6-dev
  command -v curl >/dev/null || echo curl
}

install_apt() {
  local packages as_root=()
  mapfile -t packages < <(missing_packages | tr ' ' '\n' | sort -u)
  [ "${#packages[@]}" -gt 0 ] || return 0
  if ! command -v apt-get >/dev/null; then
    say "not a Debian: please install what these packages hold: ${packages[*]}"
    return 0
  fi
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || {
      say "needs root or sudo to run: apt-get install ${packages[*]}"
      exit 1
    }
    as_root=(sudo)
  fi
  say "apt packages: ${packages[*]}"
  "${as_root[@]}" apt-get update -qq >&2
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends "${packages[@]}" >/dev/null
}

install_npm
install_apt
if $for_tests; then tools/fetch_driver.sh; fi
node_modules/.bin/bun tools/build_shaders.ts >&2
