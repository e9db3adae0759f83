#!/usr/bin/env bash
# From a bare machine to a result: six ways to sort a town hall's mail, on the same 300 messages.
#
#   scripts/demo.sh             set-up, then whatever of the demo is not done yet
#   scripts/demo.sh --again     every run anew
#
#   --runs DIR       where the runs go (default: runs/demo)
#   --no-setup       the program is there: build/release/launcher/incipit, or $INCIPIT
#   --data DIR       other messages in the same layout
#   --set KEY=VALUE  goes to every command, like --set model.path=DIR
#   RANKS=2          ranks under mpirun
#
# What each step said is in DIR/logs, the figures are in DIR/figures.json, the page in DIR/report.html.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

runs=runs/demo
data=configs/tasks/town_hall
setup=1
again=0
sets=()
while [ $# -gt 0 ]; do
  case "$1" in
    --again) again=1 ;;
    --no-setup) setup=0 ;;
    --runs) runs=${2:?--runs needs a folder}; shift ;;
    --data) data=${2:?--data needs a folder}; shift ;;
    --set) sets+=(--set "${2:?--set needs KEY=VALUE}"); shift ;;
    *) sed -n '2,/^set/{/^#/s/^# \{0,1\}//p}' "$0" >&2; exit 2 ;;
  esac
  shift
done
sets+=(--set "task.data_dir=$data")
incipit=${INCIPIT:-build/release/launcher/incipit}
ranks=${RANKS:-2}
recipe=configs/recipes/town_hall.yaml
shots=6
steps=150  # of the 250 of the recipe: all of this stays below 25 minutes on two slow cores
logs=$runs/logs

bold= dim= plain=
if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then bold=$'\e[1m' dim=$'\e[2m' plain=$'\e[0m'; fi
heading() { printf '\n%s%s%s  %s%s%s\n' "$bold" "$1" "$plain" "$dim" "$2" "$plain"; }

# step RUN COMMAND...: runs the command unless RUN is finished; what it prints goes to a log, its
# progress to the terminal. A line with the time and the test score is left.
step() {
  local name=$1 log=$logs/$1.log start=$SECONDS status=0
  shift
  if [ -f "$runs/$name/scores.json" ]; then
    printf '  ok  %-15s %6s    %s\n' "$name" kept "$(score "$name")"
    return
  fi
  if [ -t 2 ]; then
    "$@" >"$log" || status=$?
  else
    "$@" >"$log" 2>"$log.err" || status=$?
  fi
  if [ "$status" != 0 ]; then
    printf '  !!  %-15s failed after %d s (exit code %d): %s\n' \
           "$name" $((SECONDS - start)) "$status" "$log" >&2
    tail -n 20 "$log" "$log.err" >&2 2>/dev/null || true
    exit "$status"
  fi
  printf '  ok  %-15s %4d s    %s\n' "$name" $((SECONDS - start)) "$(score "$name")"
}

score() {
  "$python" -c 'import json, sys
print("test accuracy %.1f %%" % (100 * json.load(open(sys.argv[1]))["test"]["accuracy"]))' \
    "$runs/$1/scores.json"
}

on_ranks() { scripts/mpirun.sh -n "$ranks" "$incipit" "$@" --set log.level=warn "${sets[@]}"; }

if [ "$setup" = 1 ]; then
  heading "Set-up" "what is missing on this machine"
  bash scripts/setup.sh --only-program
fi
python=.venv/bin/python
if [ "$again" = 1 ]; then
  rm -rf "$runs"/{zero-shot,few-shot-?,soft-prompt-?,bag-of-words}
fi
mkdir -p "$logs"

heading "Zero-shot" "a dozen wordings on the 150 select messages; the best one on test"
step zero-shot on_ranks compare "$recipe" --output "$runs/zero-shot" \
  --set "run.name=zero-shot"

heading "Few-shot" "the best wording with $shots solved messages before it; five draws of them"
step few-shot-1 on_ranks compare "$recipe" --output "$runs/few-shot-1" \
  --set "run.name=few-shot" --set "task.shots=$shots" --set run.seed=1
for seed in 2 3 4 5; do
  step "few-shot-$seed" on_ranks eval "$runs/few-shot-1/config.yaml" \
    --set "run.output_dir=$runs/few-shot-$seed" --set "run.seed=$seed"
done

heading "Soft prompt" "learned from 600 messages, the model stays as it is; three seeds"
for seed in 1 2 3; do
  step "soft-prompt-$seed" on_ranks train "$recipe" --set "run.name=soft-prompt-$seed" \
    --set "run.output_dir=$runs/soft-prompt-$seed" --set "run.seed=$seed" \
    --set "train.steps=$steps"
done

heading "Bag of words" "no language model at all"
step bag-of-words "$python" scripts/bag_of_words.py "$data" "$runs/bag-of-words" \
  --text text --label office

heading "Result" "on 300 messages that nothing above was chosen by"
"$incipit" report "$runs"/{bag-of-words,zero-shot,few-shot-?,soft-prompt-?} \
  --output "$runs/report.html" --json "$runs/figures.json"
"$python" scripts/demo_result.py "$runs/figures.json"
printf '\n  %d minutes and %d seconds in all. Try it:\n' $((SECONDS / 60)) $((SECONDS % 60))
printf "    echo 'A tree has fallen on the swings' |\n      %s predict %s/soft-prompt-1\n" "$incipit" "$runs"
