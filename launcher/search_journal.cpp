#include "launcher/search_journal.h"

#include <nlohmann/json.hpp>

#include "core/json.h"

namespace incipit::launcher {
namespace {

using SearchEntry = nlohmann::ordered_json;

std::vector<ProposedToken> read_tokens(const SearchEntry& list) {
  std::vector<ProposedToken> tokens;
  for (const SearchEntry& each : list) tokens.push_back({each.at(0), each.at(1)});
  return tokens;
}

}  // namespace

SearchJournal::SearchJournal(const std::filesystem::path& file, const std::string& identity,
                             comm::Communicator& world)
    : file_(file, {"search", identity}, world) {
  for (const std::string& line : file_.lines()) {
    const auto entry = parse_json<SearchEntry>(line);
    const auto words = entry.at("words").get<eval::Words>();
    if (entry.contains("tokens")) {
      proposals_[{words, entry.at("position"), entry.at("depth")}] = read_tokens(entry["tokens"]);
      continue;
    }
    for (const char* name : {"train_loss", "validation_loss"}) {
      if (entry.contains(name)) losses_[name][words] = entry[name];
    }
  }
}

std::optional<double> SearchJournal::loss(const std::string& name, const eval::Words& words) const {
  const auto losses = losses_.find(name);
  if (losses == losses_.end()) return std::nullopt;
  const auto found = losses->second.find(words);
  return found == losses->second.end() ? std::nullopt : std::optional(found->second);
}

const std::vector<ProposedToken>* SearchJournal::proposals(const Place& place) const {
  const auto found = proposals_.find(place);
  return found == proposals_.end() ? nullptr : &found->second;
}

void SearchJournal::add_loss(const std::string& name, const eval::Words& words, double loss) {
  file_.append(dump_json(SearchEntry{{"words", words}, {name, loss}}));
  losses_[name][words] = loss;
}

void SearchJournal::add_proposals(const Place& place, std::vector<ProposedToken> tokens) {
  SearchEntry list = SearchEntry::array();
  for (const ProposedToken& each : tokens) list.push_back({each.token, each.change});
  file_.append(dump_json(SearchEntry{{"words", place.words},
                                     {"position", place.position},
                                     {"depth", place.depth},
                                     {"tokens", list}}));
  proposals_[place] = std::move(tokens);
}

}  // namespace incipit::launcher
