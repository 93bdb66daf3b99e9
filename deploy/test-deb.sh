#!/bin/sh
# test-deb.sh DEBS [ROOT]: the packages in the folder DEBS hold what they should and run.
#
# Without ROOT they are unpacked into a scratch folder and run from there. With ROOT (a path that does not exist; "new": a
# scratch folder) a Debian is made there by debootstrap, as root, the packages are installed with apt and used as people
# would, then removed. Last line: "N passed, N failed, N skipped".
set -u
cd "$(dirname "$0")/.." || exit 1
debs=$(realpath "$1")
root=${2:-}
recording=${RECORDING:-/usr/share/pocketsphinx/test/data/librivox/sense_and_sensibility_01_austen_64kb-0870.wav}
said='had then leisure to consider how much there might be prudently in his power'
work=$(mktemp -d)
server='' passed=0 failed=0 skipped=0
program=$(ls "$debs"/steno_*.deb) models=$(ls "$debs"/steno-models_*_all.deb)

finish() {
    [ -z "$server" ] || kill -9 "$server" 2>/dev/null
    if [ -n "$root" ]; then umount "$root/proc" 2>/dev/null; fi
    rm -rf "$work"
}
trap finish EXIT

check() {
    name=$1
    shift
    if "$@" >"$work/log" 2>&1; then
        passed=$((passed + 1))
        echo "ok       deb: $name"
    else
        failed=$((failed + 1))
        echo "NOT OK   deb: $name"
        tail -n 30 "$work/log"
    fi
}

skip() {
    skipped=$((skipped + 1))
    echo "skipped  deb: $1: $2"
}

# ---- contents ------------------------------------------------------------------------------------------------------

holds() {
    dpkg-deb -c "$program" >"$work/list"
    for file in usr/bin/steno lib/systemd/system/steno.service etc/steno/steno.conf usr/share/doc/steno/copyright \
        usr/share/doc/steno/NOTICE.gz usr/share/man/man1/steno.1.gz usr/share/man/man5/steno.conf.5.gz \
        usr/share/bash-completion/completions/steno usr/share/doc/steno/prometheus/rules.yml \
        usr/share/doc/steno/grafana/steno.json usr/share/doc/steno/watching.md.gz; do
        grep -q " \./$file\$" "$work/list" || { echo "no $file"; return 1; }
    done
    ! grep -v ' root/root ' "$work/list" || return 1
    dpkg-deb -c "$models" | grep -q 'usr/share/steno/models/moonshine-tiny.safetensors$'
}

# Prometheus reads the rules where they are put.
rules() {
    dpkg-deb --fsys-tarfile "$program" | tar -x -C "$work" ./usr/share/doc/steno/prometheus
    promtool check rules "$work/usr/share/doc/steno/prometheus/rules.yml" && promtool test rules "$work/usr/share/doc/steno/prometheus/rules_test.yml"
}

# Every library that the program is linked with is in a package that it depends on.
depends() {
    dpkg-deb -f "$program" Depends | tr '|' ',' | tr ',' '\n' | sed 's/^ *//; s/ .*//' >"$work/depends"
    dpkg-deb --fsys-tarfile "$program" | tar -xO ./usr/bin/steno >"$work/steno"
    objdump -p "$work/steno" | sed -n 's/^ *NEEDED *//p' >"$work/needed"
    [ "$(wc -l <"$work/needed")" -gt 8 ] && grep -qx steno-models "$work/depends" || return 1
    while read -r library; do
        package=$(dpkg-query -S "*/$(dpkg-architecture -qDEB_HOST_MULTIARCH)/$library" | head -n 1 | sed 's/:.*//')
        grep -qx "$package" "$work/depends" || { echo "$library is in $package: no dependency"; return 1; }
    done <"$work/needed"
}

conffile() {
    dpkg-deb --ctrl-tarfile "$program" | tar -xO ./conffiles | grep -qx /etc/steno/steno.conf
}

# lintian's errors, and its warnings beside those that are known.
clean() { lintian --fail-on error,warning "$program" "$models"; }

check "holds what it should" holds
if command -v promtool >/dev/null; then check "rules for Prometheus" rules; else skip "rules for Prometheus" "promtool is not installed"; fi
check "depends on what it uses" depends
check "keeps changes of its configuration" conffile
if command -v lintian >/dev/null; then check "lintian" clean; else skip "lintian" "not installed"; fi

# ---- a machine to run it on ----------------------------------------------------------------------------------------

unpack() {
    mkdir "$work/tree" && dpkg-deb -x "$program" "$work/tree" && dpkg-deb -x "$models" "$work/tree"
}

apt_setting() { apt-get indextargets --format "\$($1)" 'Created-By: Packages' | head -n "$2"; }

bootstrap() {
    debootstrap --variant=minbase bookworm "$root" "$(apt_setting REPO_URI 1)" || return 1
    # shellcheck disable=SC2016 # apt's own words
    apt-get indextargets --format 'deb $(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' | grep bookworm | sort -u >"$root/etc/apt/sources.list"
    cp /etc/resolv.conf "$root/etc/resolv.conf"
    # How this machine reaches its packages (a proxy, certificates).
    for file in /etc/apt/apt.conf.d/99*; do if [ -e "$file" ]; then cp "$file" "$root/etc/apt/apt.conf.d/"; fi; done
    mount -t proc proc "$root/proc"
}

install_with_apt() {
    mkdir -p "$root/tmp/debs"
    cp "$program" "$models" "$root/tmp/debs/"
    chroot "$root" apt-get -q update &&
        chroot "$root" env DEBIAN_FRONTEND=noninteractive sh -c 'apt-get -q -y --no-install-recommends install /tmp/debs/*.deb'
}

# steno ARGUMENT…: the installed program, or the unpacked one.
steno() {
    if [ -n "$root" ]; then
        chroot "$root" /usr/bin/steno "$@"
    else
        env STENO_MODELS="$work/tree/usr/share/steno/models" "$work/tree/usr/bin/steno" "$@"
    fi
}

if [ -n "$root" ]; then
    [ "$root" != new ] || root=$work/root
    check "debootstrap" bootstrap
    check "apt-get install" install_with_apt
    conf=/etc/steno/steno.conf heard=/tmp/heard.wav
    cp "$recording" "$root$heard"
else
    check "unpacks" unpack
    conf=$work/tree/etc/steno/steno.conf heard=$recording
fi

# ---- use -----------------------------------------------------------------------------------------------------------

version() { [ "$(steno --version)" = "steno $(dpkg-deb -f "$program" Version)" ]; }
intact() { steno model verify; }
transcribes() { steno transcribe "$heard" | tee "$work/text" && grep -q "$said" "$work/text"; }
configured() { steno config check --config "$conf"; }

# As the unit starts it, but for the port; in a chroot as its user.
serves() {
    if [ -n "$root" ]; then
        install -d -o "$(chroot "$root" id -u steno)" -m 700 "$root/var/lib/steno"
        chroot --userspec=steno:steno "$root" env STATE_DIRECTORY=/var/lib/steno /usr/bin/steno serve --config "$conf" --port 0 2>"$work/serve.log" &
    else
        STATE_DIRECTORY=$work STENO_MODELS=$work/tree/usr/share/steno/models "$work/tree/usr/bin/steno" serve --config "$conf" --port 0 2>"$work/serve.log" &
    fi
    server=$!
    tries=0
    until url=$(grep -o 'http://[^ ]*' "$work/serve.log"); do
        kill -0 "$server" || { cat "$work/serve.log"; return 1; }
        tries=$((tries + 1))
        [ "$tries" -lt 300 ] || return 1
        sleep 0.2
    done
    node -e "fetch('${url}readyz').then(async (r) => { console.log(r.status, await r.text()); process.exit(r.ok ? 0 : 1); })" || return 1
    kill "$server"
    wait "$server"
    status=$?
    server=''
    [ "$status" -eq 0 ]
}

has_user() { chroot "$root" id steno; }
removed() {
    chroot "$root" env DEBIAN_FRONTEND=noninteractive apt-get -q -y remove steno || return 1
    [ ! -e "$root/usr/bin/steno" ] && [ -e "$root/etc/steno/steno.conf" ] || return 1
    chroot "$root" env DEBIAN_FRONTEND=noninteractive apt-get -q -y purge steno || return 1
    [ ! -e "$root/etc/steno" ] && [ ! -e "$root/var/lib/steno" ]
}

check "steno --version" version
check "the weights are intact" intact
check "the configuration is right" configured
if [ -e "$recording" ]; then check "transcribes a recording" transcribes; else skip "transcribes a recording" "no $recording"; fi
check "serves, is ready, and ends in order" serves
if [ -n "$root" ]; then
    check "has a user of its own" has_user
    check "remove keeps, and purge deletes, its files" removed
fi

echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
