#include "launcher/order_journal.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "core/json.h"

namespace incipit::launcher {
namespace {

using JournalEntry = nlohmann::ordered_json;

}  // namespace

OrderJournal::OrderJournal(const std::filesystem::path& file, const std::string& identity,
                           comm::Communicator& world)
    : file_(file, {"search", identity}, world) {
  for (const std::string& line : file_.lines()) {
    const auto entry = parse_json<JournalEntry>(line);
    const auto order = entry.at("order").get<std::size_t>();
    if (entry.contains("probes")) {
      probes_[order] = entry["probes"].get<std::vector<std::string>>();
    } else {
      likelihoods_[order] = entry.at("likelihoods").get<eval::Likelihoods>();
    }
  }
}

const std::vector<std::string>* OrderJournal::probes(std::size_t order) const {
  const auto found = probes_.find(order);
  return found == probes_.end() ? nullptr : &found->second;
}

const eval::Likelihoods* OrderJournal::likelihoods(std::size_t order) const {
  const auto found = likelihoods_.find(order);
  return found == likelihoods_.end() ? nullptr : &found->second;
}

void OrderJournal::add_probes(std::size_t order, std::vector<std::string> records) {
  file_.append(dump_json(JournalEntry{{"order", order}, {"probes", records}}));
  probes_[order] = std::move(records);
}

void OrderJournal::add_likelihoods(std::size_t order, eval::Likelihoods likelihoods) {
  file_.append(dump_json(JournalEntry{{"order", order}, {"likelihoods", likelihoods}}));
  likelihoods_[order] = std::move(likelihoods);
}

}  // namespace incipit::launcher
