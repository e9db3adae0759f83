#!/usr/bin/env bash
# Unit tests without libtorch under sanitizers, the readers fuzzed, and clang-tidy.
#
#   tests/nightly/sanitizers.sh [asan] [tsan] [fuzz] [tidy]     all four, if none is given
#
#   asan   AddressSanitizer and UndefinedBehaviorSanitizer: core, telemetry, data, tokenizer, configs
#   tsan   ThreadSanitizer: what runs several threads and neither libtorch nor MPI
#   fuzz   every reader for SECONDS_EACH=1800 seconds (fuzz.py)
#   tidy   every file through clang-tidy
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
. scripts/cores.sh
jobs=$(usable_cores)

build() {  # PRESET TARGET...
  cmake --preset "$1" >/dev/null
  cmake --build "build/$1" --parallel "$jobs" --target "${@:2}"
}

asan() {
  build asan-ubsan core_test telemetry_test data_test tokenizer_test configs_test
  ctest --preset asan-ubsan --parallel "$jobs" -R '^(core|telemetry|data|tokenizer|configs)\.[A-Z]'
}

tsan() {
  build tsan core_test telemetry_test data_test threads_cases comm_test
  ctest --preset tsan --parallel "$jobs" --output-on-failure
}

fuzz() { .venv/bin/python tests/nightly/fuzz.py --seconds "${SECONDS_EACH:-1800}" --jobs "$jobs"; }

tidy() { build tidy all; }

[ $# -gt 0 ] || set -- asan tsan fuzz tidy
for part in "$@"; do
  case "$part" in
    asan | tsan | fuzz | tidy) echo "== $part"; "$part" ;;
    *) sed -n '2,/^set/{/^#/s/^# \{0,1\}//p}' "$0" >&2; exit 2 ;;
  esac
done
