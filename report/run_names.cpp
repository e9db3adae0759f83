#include "report/run_names.h"

#include <algorithm>
#include <map>
#include <set>
#include <string_view>

#include "configs/differences.h"

namespace incipit::report {
namespace {

// Returns the common name: "rte" for "rte-seed-17" and "rte-seed-18". If nothing is common, the
// first.
std::string common_name(std::span<const RunData> runs, const std::vector<std::size_t>& members) {
  const std::string& first = runs[members[0]].name;
  std::size_t length = first.size();
  for (const std::size_t r : members) {
    const std::string& other = runs[r].name;
    const auto end = std::mismatch(first.begin(), first.end(), other.begin(), other.end()).first;
    length = std::min(length, static_cast<std::size_t>(end - first.begin()));
  }
  if (length == first.size()) return first;
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  if (is_digit(first[length])) {  // the names diverge within a number
    while (length > 0 && is_digit(first[length - 1])) --length;
  }
  std::string name = first.substr(0, length);
  const auto trim = [&] { name.erase(name.find_last_not_of("-_. ") + 1); };
  trim();
  if (name.ends_with("seed")) name.erase(name.size() - 4);
  trim();
  return name.empty() ? first : name;
}

// Whether runs that differ only in this key are the same method, or differ in it by necessity.
// Searches leave their settings in the configurations that they write.
bool is_incidental(const std::string& key) {
  constexpr std::string_view kSections[] = {"run.", "metrics.", "log.", "order.", "search."};
  return std::ranges::any_of(kSections, [&](auto section) { return key.starts_with(section); });
}

// Returns what distinguishes each configuration from the others: "task.shots: 4".
std::vector<std::string> what_differs(const std::vector<const configs::RunConfig*>& configs) {
  constexpr std::size_t kMost = 3;                         // keys
  std::map<std::string, std::vector<std::string>> values;  // by key, of each configuration
  for (std::size_t c = 1; c < configs.size(); ++c) {
    for (const auto& [key, first, own] : configs::differences(*configs[0], *configs[c])) {
      if (is_incidental(key)) continue;
      values.try_emplace(key, configs.size(), first).first->second[c] = own;
    }
  }
  std::vector<std::string> texts(configs.size());
  std::size_t keys = 0;
  for (const auto& [key, own] : values) {
    if (keys++ == kMost) break;
    for (std::size_t c = 0; c < configs.size(); ++c) {
      texts[c] += (texts[c].empty() ? "" : ", ") + key + ": " + own[c];
    }
  }
  return texts;
}

// Extends the names of these methods, which are the same.
void distinguish(std::span<const RunData> runs,
                 const std::vector<std::vector<std::size_t>>& methods,
                 const std::vector<std::size_t>& same, std::vector<std::string>& names) {
  std::vector<const configs::RunConfig*> configs;
  for (const std::size_t m : same) {
    const RunData& run = runs[methods[m].front()];
    if (run.config) configs.push_back(&*run.config);
  }
  std::vector<std::string> differences;
  if (configs.size() == same.size()) differences = what_differs(configs);
  const std::set<std::string> distinct(differences.begin(), differences.end());
  for (std::size_t i = 0; i < same.size(); ++i) {
    const std::string folder = runs[methods[same[i]].front()].dir.string();
    names[same[i]] += " (" + (distinct.size() == same.size() ? differences[i] : folder) + ")";
  }
}

}  // namespace

std::vector<std::string> method_names(std::span<const RunData> runs,
                                      const std::vector<std::vector<std::size_t>>& methods) {
  std::vector<std::string> names;
  for (const auto& members : methods) names.push_back(common_name(runs, members));
  std::map<std::string, std::vector<std::size_t>> by_name;
  for (std::size_t m = 0; m < names.size(); ++m) by_name[names[m]].push_back(m);
  for (const auto& [name, same] : by_name) {
    if (same.size() > 1) distinguish(runs, methods, same, names);
  }
  return names;
}

}  // namespace incipit::report
