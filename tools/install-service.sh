#!/bin/sh
# Install the appliance as a systemd service. DESTDIR installs into a tree instead (for packaging), PREFIX elsewhere.
set -eu
cd "$(dirname "$0")/.."
destdir="${DESTDIR:-}"
prefix="${PREFIX:-/opt/gravure}"
python="${PYTHON:-/usr/bin/python3}"  # what lies in a home folder is out of the reach of the service
if [ -z "$destdir" ] && [ "$(id -u)" != 0 ]; then
    echo "install-service needs root: sudo make install-service" >&2
    exit 1
fi
install -d "$destdir$prefix"
"$python" -m venv --copies "$destdir$prefix"
"$destdir$prefix/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/runtime.txt
"$destdir$prefix/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation .
"$destdir$prefix/bin/python" -m compileall -q -j 0 "$destdir$prefix/lib" || true
# Scripts name the interpreter by its final place.
for script in "$destdir$prefix"/bin/*; do
    sed -i "1s|^#!$destdir$prefix/bin/python.*|#!$prefix/bin/python|" "$script"
done
install -D -m 644 docs/operator.md "$destdir$prefix/share/doc/operator.md"
install -D -m 644 -t "$destdir$prefix/share/doc/generated" docs/generated/*.md
install -D -m 644 systemd/gravure.service "$destdir/usr/lib/systemd/system/gravure.service"
install -D -m 644 systemd/gravure.socket "$destdir/usr/lib/systemd/system/gravure.socket"
install -D -m 644 systemd/gravure.sysusers "$destdir/usr/lib/sysusers.d/gravure.conf"
install -D -m 644 systemd/gravure.tmpfiles "$destdir/usr/lib/tmpfiles.d/gravure.conf"
sed -i "s|/opt/gravure|$prefix|g" "$destdir/usr/lib/systemd/system/gravure.service"
if [ ! -e "$destdir/etc/gravure/gravure.toml" ]; then
    install -D -m 640 systemd/gravure.toml "$destdir/etc/gravure/gravure.toml"
    sed -i "s|/opt/gravure|$prefix|g" "$destdir/etc/gravure/gravure.toml"
fi
if [ -z "$destdir" ]; then
    ln -sf "$prefix/bin/gravure" /usr/local/bin/gravure
    systemd-sysusers
    systemd-tmpfiles --create gravure.conf
    chown root:gravure /etc/gravure/gravure.toml
    if [ -d /run/systemd/system ]; then
        systemctl daemon-reload
        echo "installed; edit /etc/gravure/gravure.toml, then: systemctl enable --now gravure"
    else
        echo "installed; systemd does not run here"
    fi
fi
