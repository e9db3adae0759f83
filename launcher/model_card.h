// The model card of a learned prompt: README.md in its adapter folder, as PEFT writes one.
#pragma once

#include <filesystem>

#include "launcher/session.h"
#include "trainer/trainer.h"

namespace incipit::launcher {

// Writes the cards of adapter/best: the backbone, the task's template and answers, the scores, and
// how the prompt is used. Nothing for model tuning, which has no adapter. Call on rank 0. Throws
// DataError naming the file.
void write_model_cards(const Session& session, const trainer::TrainResult& result,
                       const std::filesystem::path& run_dir);

}  // namespace incipit::launcher
