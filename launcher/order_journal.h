// What an order search has done, so that a stopped search continues where it was.
#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "comm/communicator.h"
#include "eval/content_free.h"
#include "launcher/journal_file.h"

namespace incipit::launcher {

// A journal with lines {"order": 3, "probes": [record, ...]} and {"order": 3, "likelihoods": [[x,
// ...], ...]}.
class OrderJournal {
 public:
  // As JournalFile. Every rank gets the entries. Collective over `world`.
  OrderJournal(const std::filesystem::path& file, const std::string& identity,
               comm::Communicator& world);

  // Return the entry of an order, or nullptr.
  [[nodiscard]] const std::vector<std::string>* probes(std::size_t order) const;
  [[nodiscard]] const eval::Likelihoods* likelihoods(std::size_t order) const;
  // The number of entries that were read.
  [[nodiscard]] std::size_t resumed() const { return file_.lines().size(); }

  // Add an entry; every rank adds the same ones. Throw DataError naming the file on rank 0.
  void add_probes(std::size_t order, std::vector<std::string> records);
  void add_likelihoods(std::size_t order, eval::Likelihoods likelihoods);

 private:
  std::map<std::size_t, std::vector<std::string>> probes_;
  std::map<std::size_t, eval::Likelihoods> likelihoods_;
  JournalFile file_;
};

}  // namespace incipit::launcher
