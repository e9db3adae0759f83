// RUN_DIR/diagnosis.json: what `train` found out about a run, which reports show.
//   {"verdict":"not_learned","summary":"...","findings":["..."],"advice":["..."],
//    "figures":{"first_loss":...,"last_loss":...,"prior_loss":...,"accuracy":...,
//      "accuracy_95":[...,...],"majority_share":...,"majority_label":"...",
//      "predicted_share":...,"predicted_label":"..."}}
// Unknown figures are omitted. With several tasks, the file has one such object per task, under its
// name.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <utility>

#include "trainer/diagnosis.h"

namespace incipit::trainer {

// Writes the diagnosis of every task with its name. On one rank. Throws DataError naming the file.
void write_diagnoses(const std::filesystem::path& file,
                     std::span<const std::pair<std::string, Diagnosis>> by_task);

// Reads the diagnosis of `task`; empty: the run has one task. Throws DataError naming the file if
// it is not there or damaged.
[[nodiscard]] Diagnosis read_diagnosis(const std::filesystem::path& file, const std::string& task);

}  // namespace incipit::trainer
