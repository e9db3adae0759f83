// A search for an order of few-shot examples (`incipit order`).
//
// The files of its run directory: order.jsonl (launcher/order_journal.h), order.json, report.html,
// shot_lines.txt and config.yaml.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "data/dataset.h"
#include "eval/order_results.h"
#include "eval/order_search.h"
#include "eval/scorer.h"
#include "launcher/order_journal.h"
#include "launcher/session.h"
#include "methods/method.h"
#include "methods/prompted_model.h"
#include "telemetry/progress.h"

namespace incipit::launcher {

// One search, on all ranks.
class OrderRun {
 public:
  // `config`: that of load_search(). `adapter`: the file or folder of a soft prompt before the
  // few-shot examples; empty: none. Throws DataError if an example to score has no label.
  // Collective.
  OrderRun(configs::RunConfig config, const std::string& adapter);

  // Searches, or continues in the run directory, where rank 0 writes the results. Returns them on
  // rank 0. Throws Stopped, on every rank, after a stop request. Collective over the mesh.
  [[nodiscard]] std::optional<eval::OrderResults> run();

 private:
  [[nodiscard]] std::string identity() const;
  void open_journal();
  void show_progress(std::int64_t done, std::int64_t total, const std::string& title);
  [[nodiscard]] data::Dataset generate(eval::OrderSearch& search);
  [[nodiscard]] std::vector<eval::Likelihoods> score(eval::OrderSearch& search,
                                                     const eval::OrderInputs& inputs);

  std::string adapter_;
  std::optional<methods::LoadedPrompt> trained_;
  Session session_;
  methods::PromptedModel model_;
  std::filesystem::path dir_;
  std::string split_;  // that of queries_
  data::Dataset queries_;
  data::Dataset held_back_;
  std::optional<OrderJournal> journal_;
  std::unique_ptr<telemetry::Progress> progress_;
  std::string progress_title_;
  std::int64_t generated_ = 0;  // probes, valid or not
};

}  // namespace incipit::launcher
