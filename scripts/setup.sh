#!/bin/sh
# Brings what Kiln needs on this machine: Debian packages (as root, where there is apt-get) and node_modules with Node 24.
# Safe to run again: what is there is left alone, and nothing is said when nothing is to be done.
#   sh scripts/setup.sh          what Kiln itself needs
#   sh scripts/setup.sh --test   also what only the tests need
set -eu
cd "$(dirname "$0")/.."

packages='attr runc conmon erofs-utils haproxy mmdebstrap iproute2 nftables buildah ca-certificates faketime git'
test_packages='ansible-core busybox-static curl docker-registry etcd-server openssl prometheus skopeo umoci zsh'

say() { printf 'setup: %s\n' "$*" >&2; }

case ${1-} in
  '') wanted=$packages ;;
  --test) wanted="$packages $test_packages" ;;
  *)
    say "unknown option $1 (there is only --test)"
    exit 2
    ;;
esac

# The names among $wanted that dpkg does not know as installed.
missing_packages() {
  # shellcheck disable=SC2086 # a list of words, on purpose
  installed=$(dpkg-query -W -f='${db:Status-Status} ${Package}\n' $wanted 2>/dev/null | sed -n 's/^installed //p')
  for package in $wanted; do
    printf '%s\n' "$installed" | grep -qx "$package" || printf '%s ' "$package"
  done
}

# Some packages start a service of their own (a proxy, a registry). Kiln runs its own children and wants none of them.
install_packages() {
  policy=/usr/sbin/policy-rc.d
  if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
    trap 'rm -f "$policy"' EXIT
    trap 'exit 130' INT TERM
  fi
  log=$(mktemp)
  # shellcheck disable=SC2086
  if (apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $1) >"$log" 2>&1; then
    rm -f "$log"
  else
    tail -n 20 "$log" >&2
    say "apt-get failed; its whole output is in $log"
    return 1
  fi
}

status=0
if ! command -v apt-get >/dev/null 2>&1; then
  for program in getfattr runc conmon mkfs.erofs haproxy mmdebstrap ip nft buildah faketime git; do
    PATH=$PATH:/usr/sbin:/sbin command -v "$program" >/dev/null 2>&1 || absent="${absent-} $program"
  done
  [ -z "${absent-}" ] || say "no apt-get here; install by hand what has these programs:$absent"
else
  missing=$(missing_packages)
  if [ -n "$missing" ] && [ "$(id -u)" -ne 0 ]; then
    say "not root, so these Debian packages are not installed: $missing"
    say 'what needs them is skipped by the tests, and named by `kiln doctor`'
  elif [ -n "$missing" ]; then
    say "installing Debian packages: $missing"
    install_packages "$missing" || status=1
  fi
fi

# npm writes node_modules/.package-lock.json last, so it is there and newer only after a complete install.
if [ ! -e node_modules/.package-lock.json ] || [ package-lock.json -nt node_modules/.package-lock.json ]; then
  say 'installing node_modules (npm ci), Node 24 among them'
  npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >&2
  touch node_modules/.package-lock.json
fi

# After npm, which empties the folder that they lie in.
if [ "${1-}" = --test ] && command -v apt-get >/dev/null 2>&1; then sh scripts/newer-programs.sh; fi

if ! sh bin/node24 --version >/dev/null; then status=1; fi
exit $status
