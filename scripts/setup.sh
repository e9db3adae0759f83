#!/usr/bin/env bash
# Installs dependencies and builds Incipit on Debian 12 or Ubuntu 24.04, as root or with sudo.
#
#   scripts/setup.sh                 everything; a second run does only what is missing
#   scripts/setup.sh --no-build      packages, Python environment and default model only
#   scripts/setup.sh --only-program  build incipit without its tests and benchmarks
#   scripts/setup.sh --tests         also the packages that only tests use
#
#   PRESET=release   CMake preset to build            JOBS=N   number of parallel compilers
#   PYTHON=python3   Python that creates the environment (3.11 or later)
#
# The script installs Debian packages (with the configured apt-get) and creates .venv with the torch
# wheel (with the configured pip), models/smollm2-135m-instruct and build/$PRESET. The full output
# of every step is in build/logs.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

preset=${PRESET:-release}
build=1
targets=(all)
tests=0
for argument in "$@"; do
  case "$argument" in
    --no-build) build=0 ;;
    --only-program) targets=(incipit) ;;
    --tests) tests=1 ;;
    *) sed -n '2,/^set/{/^#/s/^# \{0,1\}//p}' "$0" >&2; exit 2 ;;
  esac
done

packages=(build-essential cmake ninja-build ccache pkg-config libopenmpi-dev openmpi-bin
          libyaml-cpp-dev libspdlog-dev libcli11-dev nlohmann-json3-dev libicu-dev libpcre2-dev libzip-dev zlib1g-dev
          libssl-dev libcpp-httplib-dev prometheus-cpp-dev libgtest-dev libgmock-dev libbenchmark-dev python3-venv)
test_packages=(clang-format-14 chromium prometheus prometheus-pushgateway shellcheck)  # tests that need a missing one report it and are skipped
if [ "$tests" = 1 ]; then packages+=("${test_packages[@]}"); fi
. scripts/cores.sh
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-$(usable_cores)}  # for the Python steps
logs=build/logs
mkdir -p "$logs"

# step NAME TITLE COMMAND...: runs the command with its output in a log and, on a terminal, shows
# the elapsed seconds. The command may write a one-line note for the user to $logs/NAME.note.
step() {
  local name=$1 title=$2 start=$SECONDS status=0 note=
  shift 2
  rm -f "$logs/$name.note"
  "$@" >"$logs/$name.log" 2>&1 </dev/null &
  local job=$!
  if [ -t 1 ]; then
    while kill -0 "$job" 2>/dev/null; do
      printf '\r  ..  %-22s %4d s' "$title" $((SECONDS - start))
      sleep 0.2
    done
    printf '\r\033[K'
  fi
  wait "$job" || status=$?
  if [ "$status" != 0 ]; then
    printf '  !!  %-22s failed after %d s; the end of %s:\n\n' "$title" $((SECONDS - start)) \
           "$logs/$name.log" >&2
    tail -n 40 "$logs/$name.log" >&2
    exit "$status"
  fi
  if [ -f "$logs/$name.note" ]; then note=$(cat "$logs/$name.note"); fi
  printf '  ok  %-22s %4d s  %s\n' "$title" $((SECONDS - start)) "$note"
}

missing_packages() {
  local package
  for package in "${packages[@]}"; do
    if [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" != installed ]; then
      echo "$package"
    fi
  done
}

# Runs as root. Debian's prometheus packages start servers at installation and at every boot. The
# tests start their own, so the services are masked (systemctl unmask prometheus restores one), and
# policy-rc.d keeps it from starting on machines without systemd.
apt_install() {
  local policy=/usr/sbin/policy-rc.d
  if [[ " $* " == *" prometheus"* ]]; then
    mkdir -p /etc/systemd/system
    ln -sfn /dev/null /etc/systemd/system/prometheus.service
    ln -sfn /dev/null /etc/systemd/system/prometheus-pushgateway.service
    if [ ! -e "$policy" ]; then
      printf '#!/bin/sh\nexit 101\n' >"$policy"
      chmod +x "$policy"
      trap 'rm -f /usr/sbin/policy-rc.d' EXIT
    fi
  fi
  apt-get update
  DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@"
}

install_packages() {
  local missing as_root=()
  mapfile -t missing < <(missing_packages)
  if [ ${#missing[@]} = 0 ]; then return; fi
  if [ "$(id -u)" != 0 ]; then
    if ! command -v sudo >/dev/null; then
      echo "missing packages; ask an administrator for: apt-get install ${missing[*]}"
      return 1
    fi
    as_root=(sudo)
  fi
  "${as_root[@]}" bash -c "set -e; $(declare -f apt_install); apt_install \"\$@\"" setup.sh \
    "${missing[@]}"
  echo "installed ${#missing[@]}" >"$logs/packages.note"
}

make_environment() {
  local python=${PYTHON:-} stamp=.venv/incipit-requirements.txt
  if [ -z "$python" ]; then
    # The venv module installed above is that of the system's Python; PATH may list another first.
    if [ -x /usr/bin/python3 ]; then python=/usr/bin/python3; else python=python3; fi
  fi
  if cat requirements.txt requirements-test.txt | cmp -s - "$stamp"; then return; fi
  if ! .venv/bin/python -c '' 2>/dev/null; then
    "$python" -c 'import sys; assert sys.version_info >= (3, 11), "Python 3.11 or later is needed"'
    "$python" -m venv --clear .venv
  fi
  .venv/bin/python -m pip install --disable-pip-version-check --progress-bar off \
    -r requirements-test.txt
  cat requirements.txt requirements-test.txt >"$stamp"
  echo "torch $(.venv/bin/python -c 'import torch; print(torch.__version__)')" >"$logs/python.note"
}

prepare_model() {
  .venv/bin/python scripts/prepare_model.py
}

configure() {
  cmake --preset "$preset" ${INCIPIT_WERROR:+-D "INCIPIT_WERROR=$INCIPIT_WERROR"}
  sed -n 's/^-- Incipit: //p; s/^-- \(GPU kernels: \)/\1/p' "$logs/configure.log" |
    paste -s -d ';' | sed 's/;/; /g' >"$logs/configure.note"
}

# A compiler process needs about 1.2 GB for a group of files that include libtorch, and 1.3 GB to
# precompile its headers.
default_jobs() {
  local fitting cores
  fitting=$(awk '/^MemAvailable/ {print int($2 / (1.4 * 1048576))}' /proc/meminfo)
  cores=$(usable_cores)
  local jobs=$(( fitting < cores ? fitting : cores ))
  echo $(( jobs > 0 ? jobs : 1 ))
}

if ! command -v apt-get >/dev/null; then
  echo "scripts/setup.sh needs Debian 12 or Ubuntu 24.04 (apt-get was not found)" >&2
  exit 1
fi
# sudo may ask for a password; ask now, since the output of a step is not visible.
if [ "$(id -u)" != 0 ] && [ -n "$(missing_packages)" ] && command -v sudo >/dev/null; then
  sudo -v
fi
step packages "Debian packages" install_packages
step python "Python environment" make_environment
step model "default model" prepare_model
if [ "$build" = 1 ]; then
  step configure "configure $preset" configure
  step build "build $preset" cmake --build --preset "$preset" --target "${targets[@]}" \
    --parallel "${JOBS:-$(default_jobs)}"
fi
