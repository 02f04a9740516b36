#!/bin/sh
# Install what Qt and Mesa need on a bare Debian or Ubuntu, where that may be done; say what to do where not.
# Does nothing when the libraries are there.
set -eu
here=$(dirname "$0")
packages=$(grep -v '^#' "$here/system-packages.txt" | tr '\n' ' ')

command -v dpkg-query >/dev/null 2>&1 || {
    echo "not a Debian system: the panel's tests need the libraries of: $packages"
    exit 0
}
missing=""
for package in $packages; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

run=""
if [ "$(id -u)" -ne 0 ]; then
    sudo -n true 2>/dev/null || {
        echo "the panel's tests need these packages, please install them:"
        echo "    sudo apt-get install$missing"
        exit 0
    }
    run="sudo"
fi
export DEBIAN_FRONTEND=noninteractive
# Another program may be installing: its lock is waited for.
$run apt-get -o DPkg::Lock::Timeout=300 update -qq
# shellcheck disable=SC2086
$run apt-get -o DPkg::Lock::Timeout=300 install -y -qq --no-install-recommends $missing >/dev/null
