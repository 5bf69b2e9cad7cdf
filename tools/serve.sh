#!/bin/sh
# Start the appliance: with CONFIG's file, or with the built-in defaults, opened to a network by LISTEN and PEERS.
#   LISTEN=0.0.0.0            listen on this address
#   PEERS=192.0.2.0/24        let the print, store and echo requests of this network in
set -eu
cd "$(dirname "$0")/.."
if [ -n "$CONFIG" ]; then
    exec .venv/bin/python -m appliance serve --config "$CONFIG"
fi
if [ -z "$LISTEN$PEERS$PORT" ]; then
    exec .venv/bin/python -m appliance serve
fi
exec .venv/bin/python -m appliance serve --listen "${LISTEN:-127.0.0.1}" --peers "$PEERS" --port "${PORT:-11112}"
