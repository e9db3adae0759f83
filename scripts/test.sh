#!/usr/bin/env bash
# Runs set-up and all tests. Arguments go to ctest: scripts/test.sh -L unit -R tokenizer
# Before ctest's summary it prints which faults were injected and survived (docs/faults.md).
# Tests that need the data in ../shared (or $INCIPIT_SHARED) are reported as skipped if it is absent.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

. scripts/cores.sh
bash scripts/setup.sh --tests
export HF_HUB_OFFLINE=1 TOKENIZERS_PARALLELISM=false
results=$PWD/build/${PRESET:-release}/test_results.xml
rm -f "$results"
set +e
ctest --preset "${PRESET:-release}" --parallel "$(usable_cores)" --output-junit "$results" \
  --test-output-size-passed 100000 "$@" 2>&1 | .venv/bin/python scripts/fault_table.py "$results"
exit "${PIPESTATUS[0]}"
