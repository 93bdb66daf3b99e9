#!/bin/sh
# setup.sh PURPOSE…: installs the Debian packages of tools/apt-packages.txt that are missing, and nothing else.
#
# Purposes: build, run, test, bench, train, dev, deb. With `run` also Node 18 or later with npm, from Debian unless another is there.
# Works as root or through sudo; touches no network when nothing is missing.
set -eu

here=$(dirname "$0")
list=$here/apt-packages.txt
transcripts=/usr/share/doc/asterisk-core-sounds-en/core-sounds-en.txt.gz

# as_root COMMAND…
as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null 2>&1; then
        sudo -n "$@" 2>/dev/null || sudo "$@"
    else
        echo "setup.sh: needs root or sudo for: $*" >&2
        exit 1
    fi
}

is_installed() {
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# Node of at least version 18.
has_node() {
    command -v node >/dev/null 2>&1 && [ "$(node -p 'process.versions.node.split(".")[0]')" -ge 18 ]
}

missing=
for purpose in "$@"; do
    for package in $(awk -v purpose="$purpose" '$1 == purpose { print $2 }' "$list"); do
        is_installed "$package" || missing="$missing $package"
    done
    if [ "$purpose" = run ]; then
        has_node || missing="$missing nodejs"
        command -v npm >/dev/null 2>&1 || missing="$missing npm"
    fi
done

apt_install() {
    # shellcheck disable=SC2086 # a list of words
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends \
        -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=120 install "$@" >/dev/null
}

if [ -n "$missing" ]; then
    echo "setup.sh: installing$missing" >&2
    as_root apt-get -qq update
    # shellcheck disable=SC2086 # a list of words
    apt_install $missing
fi

# Slim images leave documents out, and the reference transcripts are one.
case " $* " in
*" test "*)
    if [ ! -e "$transcripts" ]; then
        as_root apt-get -qq update
        apt_install --reinstall -o "Dpkg::Options::=--path-include=${transcripts%/*}/*" asterisk-core-sounds-en
    fi
    ;;
esac
