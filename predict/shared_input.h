// Rank 0 reads the records and sends them to every rank.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "comm/communicator.h"
#include "predict/input.h"

namespace incipit::predict {

// Returns, on every rank, what `make` returns on rank 0; the other ranks do not call `make`. Its
// ConfigError and DataError are thrown on all ranks. Collective.
std::string from_rank_zero(comm::Communicator& world, const std::function<std::string()>& make);

class SharedInput {
 public:
  // `path`, `format` and `fields` as for PredictionInput, with its errors. Collective.
  SharedInput(comm::Communicator& world, const std::filesystem::path& path,
              const std::string& format, const std::vector<std::string>& fields);

  // Returns the next records; none at the end. From a terminal they come one at a time, since the
  // user expects an answer before entering the next line. Collective.
  [[nodiscard]] std::vector<PredictionInput::Row> next();

  [[nodiscard]] const std::string& name() const { return name_; }
  // Set on rank 0; nullptr elsewhere.
  [[nodiscard]] const PredictionInput* input() const { return input_.get(); }

 private:
  comm::Communicator& world_;
  std::unique_ptr<PredictionInput> input_;
  std::string name_;
  std::size_t chunk_;
};

}  // namespace incipit::predict
