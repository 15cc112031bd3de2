#!/usr/bin/env bash
# Puts what was built for a target into archives: the C library with its headers and a file for pkg-config, and the command line.
#
#   bash crates/lookalike-c/package.sh TARGET BUILT_FOLDER OUT_FOLDER
set -euo pipefail
target=$1 built=$2 out=$3
here=$(cd "$(dirname "$0")" && pwd)
root=$here/../..
version=$(sed -n 's/^version = "\(.*\)"$/\1/p' "$root/Cargo.toml" | head -1)
mkdir -p "$out"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Adds the licenses to a folder, and makes an archive of it.
archive() {
  cp "$root/LICENSE-MIT" "$root/LICENSE-APACHE" "$work/$1/"
  tar -C "$work" -czf "$out/$1.tar.gz" "$1"
}

program=lookalike-$version-$target
mkdir -p "$work/$program"
cp "$built"/lookalike "$work/$program/" 2> /dev/null || cp "$built"/lookalike.exe "$work/$program/"
cp "$root/README.md" "$work/$program/"
archive "$program"

library=lookalike-c-$version-$target
mkdir -p "$work/$library/lib/pkgconfig" "$work/$library/bin"
cp -R "$here/include" "$here/README.md" "$work/$library/"
found=
for file in liblookalike_mediapipe.so liblookalike_mediapipe.a liblookalike_mediapipe.dylib \
  lookalike_mediapipe.lib lookalike_mediapipe.dll.lib lookalike_mediapipe.dll; do
  if [ -f "$built/$file" ]; then
    case $file in
      *.dll) cp "$built/$file" "$work/$library/bin/" ;;
      *) cp "$built/$file" "$work/$library/lib/" ;;
    esac
    found=1
  fi
done
[ -n "$found" ] || { echo "there is no library in $built" >&2; exit 1; }
# Programs ask for the library by the name that it has for the dynamic linker.
if [ -f "$work/$library/lib/liblookalike_mediapipe.so" ]; then
  ln -s liblookalike_mediapipe.so "$work/$library/lib/libmediapipe.so"
fi
sed "s/@VERSION@/$version/" "$here/lookalike_mediapipe.pc.in" > "$work/$library/lib/pkgconfig/lookalike_mediapipe.pc"
rmdir "$work/$library/bin" 2> /dev/null || true
archive "$library"
