#!/bin/sh
# Installs what Qt and Mesa need to run without a screen (system-packages.txt), where this user may.
set -eu
list="$(dirname "$0")/system-packages.txt"

command -v dpkg-query >/dev/null 2>&1 || { echo "not a Debian system: install the equivalents of $list" >&2; exit 0; }
missing=""
while read -r package; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q "ok installed" || missing="$missing $package"
done < "$list"
[ -n "$missing" ] || exit 0

if [ "$(id -u)" = 0 ]; then as_root=""; elif sudo -n true 2>/dev/null; then as_root="sudo"; else
    echo "the tests of the panel need these packages: apt-get install$missing" >&2
    exit 0
fi
$as_root apt-get update -qq || true
$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing ||
    echo "could not install$missing; the tests of the panel skip without them" >&2
