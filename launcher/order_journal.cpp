#include "launcher/order_journal.h"

#include <nlohmann/json.hpp>
#include <sstream>
#include <utility>

#include "core/files.h"
#include "core/json.h"

namespace incipit::launcher {
namespace {

namespace fs = std::filesystem;
using JournalEntry = nlohmann::ordered_json;

std::string first_line(const std::string& identity) {
  return dump_json(JournalEntry{{"search", identity}}) + "\n";
}

// Returns the file's complete lines.
std::string complete_lines(const fs::path& file) {
  std::string text = fs::exists(file) ? read_text(file) : "";
  text.resize(text.rfind('\n') == std::string::npos ? 0 : text.rfind('\n') + 1);
  return text;
}

}  // namespace

bool OrderJournal::is_of(const fs::path& file, const std::string& identity) {
  return complete_lines(file).starts_with(first_line(identity));
}

OrderJournal::OrderJournal(const fs::path& file, const std::string& identity,
                           comm::Communicator& world) {
  std::string text;
  if (world.rank() == 0) {
    text = complete_lines(file);
    file_.emplace(file, text.size());
    if (text.empty()) file_->append(first_line(identity));
  }
  read(world.broadcast(std::move(text), 0, "order journal"));
}

void OrderJournal::read(const std::string& text) {
  std::istringstream lines(text);
  std::string line;
  std::getline(lines, line);  // the identity
  while (std::getline(lines, line)) {
    const auto entry = parse_json<JournalEntry>(line);
    const auto order = entry.at("order").get<std::size_t>();
    if (entry.contains("probes")) {
      probes_[order] = entry["probes"].get<std::vector<std::string>>();
    } else {
      likelihoods_[order] = entry.at("likelihoods").get<eval::Likelihoods>();
    }
    ++resumed_;
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
  if (file_) file_->append(dump_json(JournalEntry{{"order", order}, {"probes", records}}) + "\n");
  probes_[order] = std::move(records);
}

void OrderJournal::add_likelihoods(std::size_t order, eval::Likelihoods likelihoods) {
  if (file_) {
    file_->append(dump_json(JournalEntry{{"order", order}, {"likelihoods", likelihoods}}) + "\n");
  }
  likelihoods_[order] = std::move(likelihoods);
}

}  // namespace incipit::launcher
