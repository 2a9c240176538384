#!/bin/sh
# What this machine's card gives: steps of every objective, share of its peak, the loader, memory, full-size
# PTB-XL, and two processes beside one; all of it small where there is no card.
#   benchmarks/gpu.sh [--small] [--out DIR]
set -e
cd "$(dirname "$0")/.."
python=.venv/bin/python
[ -x "$python" ] || python=python3
PYTHONPATH=.:benchmarks exec "$python" benchmarks/gpu.py "$@"
