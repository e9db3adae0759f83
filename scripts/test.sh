#!/usr/bin/env bash
# Runs set-up and all tests. Arguments go to ctest: scripts/test.sh -L unit -R tokenizer
# Tests that need the data in ../shared (or $INCIPIT_SHARED) are reported as skipped if it is absent.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

. scripts/cores.sh
bash scripts/setup.sh --tests
export HF_HUB_OFFLINE=1 TOKENIZERS_PARALLELISM=false
exec ctest --preset "${PRESET:-release}" --parallel "$(usable_cores)" "$@"
