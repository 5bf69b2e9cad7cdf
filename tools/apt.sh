#!/bin/sh
# Install the Debian packages that are missing, when we may: as root, or where sudo asks for no password.
# Services that a package would start are not started: the tests run what they need themselves, on loopback.
set -eu
missing=""
for package in "$@"; do
    if [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null || true)" != installed ]; then
        missing="$missing $package"
    fi
done
[ -n "$missing" ] || exit 0
if ! command -v apt-get >/dev/null; then
    echo "These packages are missing, and this is no Debian system:$missing" >&2
    exit 1
fi
if [ "$(id -u)" = 0 ]; then
    as_root=""
elif sudo -n true 2>/dev/null; then
    as_root="sudo -n"
else
    echo "These packages are missing; install them as root: apt-get install$missing" >&2
    exit 1
fi
echo "installing$missing …" >&2
policy=/usr/sbin/policy-rc.d
ours=""
if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' | $as_root tee "$policy" >/dev/null
    $as_root chmod 755 "$policy"
    ours=yes
fi
finish() { [ -z "$ours" ] || $as_root rm -f "$policy"; }
trap finish EXIT
$as_root apt-get update -qq >/dev/null || true
# One after the other if all at once fails: a package that is not to be had must not keep the others away.
if ! $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null; then
    for package in $missing; do
        $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$package" \
            >/dev/null || echo "could not install $package" >&2
    done
fi
