// Checkpoints: folders that are either complete or absent.
//
//   checkpoints/step-300/
//     state.safetensors   soft prompt, best soft prompt, optimizer state
//     state.json          step, position in the data, early stopping, ... (trainer/train_state.h)
//     manifest.json       size and SHA-256 of both files, and the facts of the run
//
// A checkpoint is written to step-N.tmp/, its files and the folder are synced, and the folder is
// renamed to step-N. Readers check the files against the manifest. A checkpoint does not depend on
// the number of ranks. Only rank 0 calls these functions.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>

#include "trainer/train_state.h"

namespace incipit::trainer {

using Facts = std::map<std::string, std::string>;

// What a run depends on, by name. Compared when the run resumes.
struct RunFacts {
  Facts identity{};       // a change makes it a different run: weights, tokenizer, data
  Facts circumstances{};  // a change alters rounding only: ranks, build, processor
};

struct Checkpoint {
  std::filesystem::path folder{};
  TrainState state{};
  RunFacts facts{};
};

// Returns RUN_DIR/checkpoints.
[[nodiscard]] std::filesystem::path checkpoints_folder(const std::filesystem::path& run_dir);

// Writes the state to RUN_DIR/checkpoints/step-N, replacing an earlier checkpoint of the same step.
// Returns its path. Throws DataError naming the file that cannot be written (for example, disk
// full); the other checkpoints are unchanged.
std::filesystem::path write_checkpoint(const std::filesystem::path& run_dir,
                                       const TrainState& state, const RunFacts& facts);

// Reads and verifies a checkpoint. Throws DataError naming the file and the problem: missing, wrong
// size, wrong SHA-256, or unreadable.
[[nodiscard]] Checkpoint read_checkpoint(const std::filesystem::path& folder);

// Returns the complete checkpoint with the highest step, if any. Skips unfinished or damaged ones
// above it, each with a warning that gives the reason.
[[nodiscard]] std::optional<Checkpoint> newest_checkpoint(const std::filesystem::path& run_dir);

// Returns whether RUN_DIR has any checkpoint, complete or damaged.
[[nodiscard]] bool has_checkpoints(const std::filesystem::path& run_dir);

// Keeps the `keep` newest checkpoints up to step `newest`. Removes the older ones, those above
// `newest` (left by a run that was later resumed from there), and unfinished ones. Best effort:
// warns about what it cannot remove.
void remove_old_checkpoints(const std::filesystem::path& run_dir, std::int64_t newest, int keep);

}  // namespace incipit::trainer
