// What an order search has done, so that a stopped search continues where it was.
#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "comm/communicator.h"
#include "eval/content_free.h"
#include "telemetry/append_file.h"

namespace incipit::launcher {

// A file with one JSON object a line: first {"search": IDENTITY}, then {"order": 3, "probes":
// [record, ...]} and {"order": 3, "likelihoods": [[x, ...], ...]}. Rank 0 reads and writes it. A
// last line that is not complete is dropped.
class OrderJournal {
 public:
  // Returns whether `file` is the journal of the search `identity`.
  [[nodiscard]] static bool is_of(const std::filesystem::path& file, const std::string& identity);

  // Opens the journal of the search `identity`, or starts one. Every rank gets the entries. Throws
  // DataError naming the file. Collective over `world`.
  OrderJournal(const std::filesystem::path& file, const std::string& identity,
               comm::Communicator& world);

  // Return the entry of an order, or nullptr.
  [[nodiscard]] const std::vector<std::string>* probes(std::size_t order) const;
  [[nodiscard]] const eval::Likelihoods* likelihoods(std::size_t order) const;
  // The number of entries that were read.
  [[nodiscard]] std::size_t resumed() const { return resumed_; }

  // Add an entry; every rank adds the same ones. Throw DataError naming the file on rank 0.
  void add_probes(std::size_t order, std::vector<std::string> records);
  void add_likelihoods(std::size_t order, eval::Likelihoods likelihoods);

 private:
  void read(const std::string& text);

  std::map<std::size_t, std::vector<std::string>> probes_;
  std::map<std::size_t, eval::Likelihoods> likelihoods_;
  std::size_t resumed_ = 0;
  std::optional<telemetry::AppendFile> file_;  // rank 0 only
};

}  // namespace incipit::launcher
