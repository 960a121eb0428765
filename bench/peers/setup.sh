#!/usr/bin/env bash
# Installs what the bench measures Valence against, and makes the checkpoints: some 7 GB under bench/peers, in folders that git
# ignores. Needs npm, Python 3.11 and the project's own `npm ci`. What is there already is kept.
set -euo pipefail
cd "$(dirname "$0")"

npm ci --no-audit --no-fund
if [ ! -x .venv/bin/python ]; then python3 -m venv .venv; fi
.venv/bin/pip install --quiet --disable-pip-version-check -r requirements.txt
../../node_modules/.bin/node write-texts.ts
.venv/bin/python make_checkpoints.py "$@"
