#!/usr/bin/env bash
# Set-up and every test. Arguments go to ctest: scripts/test.sh -L unit -R tokenizer
# Tests that need the data beside the repository (../shared, or $INCIPIT_SHARED) say that they
# were skipped where it is absent.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

. scripts/cores.sh
bash scripts/setup.sh --tests
export HF_HUB_OFFLINE=1 TOKENIZERS_PARALLELISM=false
exec ctest --preset "${PRESET:-release}" --parallel "$(usable_cores)" "$@"
