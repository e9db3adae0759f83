// Rank 0 reads the records, and every rank gets them.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "comm/communicator.h"
#include "launcher/predict/input.h"

namespace incipit::launcher {

// What `make` returns on rank 0, on every rank; ConfigError and DataError there are thrown on all.
// Collective; the others do not call `make`.
std::string from_rank_zero(comm::Communicator& world, const std::function<std::string()>& make);

class SharedInput {
 public:
  // `path`, `format` and `fields` as PredictionInput takes them, with its errors. This and next()
  // are collective.
  SharedInput(comm::Communicator& world, const std::filesystem::path& path,
              const std::string& format, const std::vector<std::string>& fields);

  // The next records, none at the end. From a terminal they come one by one, since whoever types a
  // line wants its answer before the next.
  [[nodiscard]] std::vector<PredictionInput::Row> next();

  [[nodiscard]] const std::string& name() const { return name_; }
  // On rank 0; nullptr elsewhere.
  [[nodiscard]] const PredictionInput* input() const { return input_.get(); }

 private:
  comm::Communicator& world_;
  std::unique_ptr<PredictionInput> input_;
  std::string name_;
  std::size_t chunk_;
};

}  // namespace incipit::launcher
