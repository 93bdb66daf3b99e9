#!/bin/sh
# make-deb.sh BUILD MODELS OUT: steno_VERSION_ARCH.deb and steno-models_VERSION_all.deb, from a program and weights that are
# built already. Needs dpkg-dev (dpkg-shlibdeps finds the libraries' packages). The same input makes the same bytes.
set -eu
cd "$(dirname "$0")/.."
build=$1 models=$2 out=$3
from=deploy/debian
umask 022
version=$("$build/steno" --version | cut -d' ' -f2)
arch=$(dpkg --print-architecture)
: "${SOURCE_DATE_EPOCH:=$(date -u -d "$(sed -n 's/^ -- .*>  //p' $from/changelog | head -n 1)" +%s)}"
export SOURCE_DATE_EPOCH
grep -q "^steno ($version)" $from/changelog || { echo "make-deb.sh: $from/changelog does not begin with $version" >&2; exit 1; }
mkdir -p "$out"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# put MODE FILE PLACE: a file into the package that is being made.
put() { install -D -m "$1" "$2" "$root/$3"; }

# put_gz FILE PLACE
put_gz() {
    put 644 "$1" "$2"
    gzip -9nf "$root/$2"
}

# pack NAME DEPENDS ARCH [OPTION OF DPKG-DEB…]: control data and the package.
pack() {
    size=$(du -sk --exclude=DEBIAN "$root" | cut -f1)
    sed "s/@VERSION@/$version/; s/@VERSION@/$version/; s/@ARCH@/$3/; s/@SIZE@/$size/; s/@DEPENDS@/$2/" "$from/$1.control" >"$root/DEBIAN/control"
    for script in postinst prerm postrm; do
        if [ -e "$from/$1.$script" ]; then install -m 755 "$from/$1.$script" "$root/DEBIAN/$script"; fi
    done
    (cd "$root" && find . -path ./DEBIAN -prune -o -type f -printf '%P\n' | LC_ALL=C sort | grep -v '^etc/' | xargs md5sum) >"$root/DEBIAN/md5sums"
    if [ -d "$root/etc" ]; then (cd "$root" && find etc -type f -printf '/%p\n') >"$root/DEBIAN/conffiles"; fi
    find "$root" -newermt "@$SOURCE_DATE_EPOCH" -exec touch -hd "@$SOURCE_DATE_EPOCH" {} +
    deb=$out/$1_${version}_$3.deb
    shift 3
    dpkg-deb --root-owner-group "$@" --build "$root" "$deb" >/dev/null
    echo "$deb"
}

# ---- the program ---------------------------------------------------------------------------------------------------

root=$work/steno
mkdir -p "$root/DEBIAN"
put 755 "$build/steno" usr/bin/steno
strip --strip-unneeded --remove-section=.comment --remove-section=.note "$root/usr/bin/steno"
put 644 deploy/steno.service lib/systemd/system/steno.service
"$build/steno" config default >"$work/steno.conf"
put 644 "$work/steno.conf" etc/steno/steno.conf
for page in docs/man/*.[1-9]; do put_gz "$page" "usr/share/man/man${page##*.}/${page##*/}"; done
"$build/steno" completion bash >"$work/completion"
put 644 "$work/completion" usr/share/bash-completion/completions/steno
"$build/steno" completion zsh >"$work/completion"
put 644 "$work/completion" usr/share/zsh/vendor-completions/_steno
"$build/steno" completion fish >"$work/completion"
put 644 "$work/completion" usr/share/fish/vendor_completions.d/steno.fish
put 644 $from/steno.copyright usr/share/doc/steno/copyright
put_gz $from/changelog usr/share/doc/steno/changelog
put_gz NOTICE usr/share/doc/steno/NOTICE
for page in configuration metrics operations protocol watching; do
    if [ -e "docs/$page.md" ]; then put_gz "docs/$page.md" "usr/share/doc/steno/$page.md"; fi
done
for page in asyncapi openapi; do
    if [ -e "docs/$page.yaml" ]; then put_gz "docs/$page.yaml" "usr/share/doc/steno/$page.yaml"; fi
done
for file in prometheus/rules.yml prometheus/rules_test.yml grafana/steno.json; do put 644 "deploy/$file" "usr/share/doc/steno/$file"; done
mkdir -p "$work/shlibs/debian"
printf 'Source: steno\n\nPackage: steno\nArchitecture: any\n' >"$work/shlibs/debian/control"
depends=$(cd "$work/shlibs" && dpkg-shlibdeps -O "$root/usr/bin/steno" 2>"$work/shlibs.log" | sed -n 's/^shlibs:Depends=//p') || { cat "$work/shlibs.log" >&2; exit 1; }
[ -n "$depends" ] || { echo "make-deb.sh: no dependencies found" >&2; cat "$work/shlibs.log" >&2; exit 1; }
pack steno "$depends" "$arch"

# ---- the weights ---------------------------------------------------------------------------------------------------

root=$work/steno-models
mkdir -p "$root/DEBIAN"
for file in "$models"/*; do put 644 "$file" "usr/share/steno/models/${file##*/}"; done
put 644 $from/steno-models.copyright usr/share/doc/steno-models/copyright
put_gz $from/changelog usr/share/doc/steno-models/changelog
# Weights in 8 bits hardly shrink: xz takes 30 s to save a twentieth more (and Debian knows no zstd).
pack steno-models '' all -Zgzip -z1
