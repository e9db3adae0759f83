// Checkpoints: folders that are either whole or not there.
//
//   checkpoints/step-300/
//     state.safetensors   soft prompt, best soft prompt, optimizer's state
//     state.json          step, position in the data, early stop, ... (trainer/train_state.h)
//     manifest.json       size and SHA-256 of the two, and the facts of the run
//
// A checkpoint is written to step-N.tmp/, its files and the folder are synced, and the folder
// is renamed; what a reader finds under step-N is checked against the manifest. Nothing in it
// depends on the number of ranks. Rank 0 alone calls all this.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>

#include "trainer/train_state.h"

namespace incipit::trainer {

using Facts = std::map<std::string, std::string>;

// What a run stands on, by name, for comparison when it goes on.
struct RunFacts {
  Facts identity{};       // another value is another run: weights, tokenizer, data
  Facts circumstances{};  // another value changes results by rounding: ranks, build, processor
};

struct Checkpoint {
  std::filesystem::path folder{};
  TrainState state{};
  RunFacts facts{};
};

// RUN_DIR/checkpoints
[[nodiscard]] std::filesystem::path checkpoints_folder(const std::filesystem::path& run_dir);

// Writes RUN_DIR/checkpoints/step-N for the state's step, over a former one of this step, and
// returns its path. Throws DataError naming the file that cannot be written (disk full): other
// checkpoints are as they were.
std::filesystem::path write_checkpoint(const std::filesystem::path& run_dir,
                                       const TrainState& state, const RunFacts& facts);

// Throws DataError naming the file and what is wrong with it: missing, other size, other
// SHA-256, not readable.
[[nodiscard]] Checkpoint read_checkpoint(const std::filesystem::path& folder);

// The whole one of the highest step. Those above it are skipped, each with a warning that says
// why: left unfinished, or damaged.
[[nodiscard]] std::optional<Checkpoint> newest_checkpoint(const std::filesystem::path& run_dir);

// Whether RUN_DIR holds any checkpoint, whole or damaged.
[[nodiscard]] bool has_checkpoints(const std::filesystem::path& run_dir);

// Removes all but the `keep` newest up to step `newest`, those above it, which a run that went
// on from there has left behind, and unfinished ones. Best effort: warns of what stays.
void remove_old_checkpoints(const std::filesystem::path& run_dir, std::int64_t newest, int keep);

}  // namespace incipit::trainer
