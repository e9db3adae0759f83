// What a search over words has done, so that a stopped search continues where it was.
#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "comm/communicator.h"
#include "eval/word_climb.h"
#include "launcher/journal_file.h"

namespace incipit::launcher {

// A token to try at a position, and the first-order change of the loss with it, up to a constant.
struct ProposedToken {
  TokenId token = 0;
  float change = 0;
};

// A journal with lines {"words": [...], "train_loss": x}, {"words": [...], "validation_loss": x}
// and {"words": [...], "position": 2, "depth": 0, "tokens": [[token, change], ...]}.
class SearchJournal {
 public:
  using Losses = std::map<eval::Words, double>;
  struct Place {
    eval::Words words;
    std::size_t position = 0;
    std::size_t depth = 0;
    auto operator<=>(const Place&) const = default;
  };

  // As JournalFile. Every rank gets the entries. Collective over `world`.
  SearchJournal(const std::filesystem::path& file, const std::string& identity,
                comm::Communicator& world);

  // The names of losses are "train_loss" and "validation_loss".
  [[nodiscard]] std::optional<double> loss(const std::string& name, const eval::Words& words) const;
  // Returns the entry, or nullptr.
  [[nodiscard]] const std::vector<ProposedToken>* proposals(const Place& place) const;
  // The number of entries that were read.
  [[nodiscard]] std::size_t resumed() const { return file_.lines().size(); }

  // Add an entry; every rank adds the same ones. Throw DataError naming the file on rank 0.
  void add_loss(const std::string& name, const eval::Words& words, double loss);
  void add_proposals(const Place& place, std::vector<ProposedToken> tokens);

 private:
  std::map<std::string, Losses> losses_;
  std::map<Place, std::vector<ProposedToken>> proposals_;
  JournalFile file_;
};

}  // namespace incipit::launcher
