#!/bin/sh
# cosign and oras for the tests, which Debian 12 does not have and Debian 13 does: taken from the mirror that apt knows here,
# unpacked into node_modules/.newer-debian, and installed nowhere. Without them the tests that need them are skipped.
set -eu
cd "$(dirname "$0")/.."
programs='cosign oras'
suite=trixie
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
to=$PWD/node_modules/.newer-debian

missing=''
for program in $programs; do
  command -v "$program" >/dev/null 2>&1 || [ -x "$to/usr/bin/$program" ] || missing="$missing $program"
done
[ -n "$missing" ] || exit 0
# Where they could not be had they are asked for again after a day.
[ -z "$(find "$to/absent" -mtime -1 2>/dev/null)" ] || exit 0

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
mkdir -p "$work/lists/partial" "$work/cache/archives/partial" "$work/debs"
mirror=$(apt-get indextargets --format '$(SITE) $(RELEASE)' 2>/dev/null | awk '$2 == "bookworm" { print $1; exit }')
printf 'deb [signed-by=%s] %s %s main\n' "$keyring" "$mirror" "$suite" >"$work/sources.list"

private() {
  apt-get -q -o Dir::State="$work" -o Dir::State::Lists="$work/lists" -o Dir::State::status=/dev/null -o Dir::Cache="$work/cache" \
    -o Dir::Etc::SourceList="$work/sources.list" -o Dir::Etc::SourceParts=/dev/null -o APT::Sandbox::User="$(id -un)" "$@"
}

# shellcheck disable=SC2086 # a list of words, on purpose
fetch() { [ -n "$mirror" ] && private update && (cd "$work/debs" && private download $missing); }

if fetch >"$work/log" 2>&1; then
  for deb in "$work"/debs/*.deb; do dpkg-deb -x "$deb" "$to"; done
else
  mkdir -p "$to" && touch "$to/absent"
  printf 'setup:%s can not be had from Debian %s here; the tests that need them are skipped\n' "$missing" "$suite" >&2
fi
