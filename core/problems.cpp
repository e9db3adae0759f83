#include "core/problems.h"

#include <algorithm>

#include "core/error.h"

namespace incipit {

std::string Location::text() const {
  if (line == 0) return source;
  return source + ":" + std::to_string(line) + ":" + std::to_string(column);
}

void Problems::add(const Location& where, const std::string& message) {
  const bool known = std::any_of(problems_.begin(), problems_.end(), [&](const Problem& problem) {
    return problem.message == message && problem.where.text() == where.text();
  });
  if (!known) problems_.push_back({where, message});
}

void Problems::throw_if_any() const {
  if (problems_.empty()) return;
  std::vector<std::string> sources;  // ordered by their first problem
  for (const Problem& problem : problems_) {
    if (std::find(sources.begin(), sources.end(), problem.where.source) == sources.end()) {
      sources.push_back(problem.where.source);
    }
  }
  const auto rank = [&](const std::string& source) {
    return std::find(sources.begin(), sources.end(), source) - sources.begin();
  };
  std::vector<Problem> sorted = problems_;
  std::stable_sort(sorted.begin(), sorted.end(), [&](const Problem& a, const Problem& b) {
    if (a.where.source != b.where.source) return rank(a.where.source) < rank(b.where.source);
    return std::pair(a.where.line, a.where.column) < std::pair(b.where.line, b.where.column);
  });
  std::string text;
  if (sorted.size() > 1) {
    text = "the configuration has " + std::to_string(sorted.size()) + " mistakes\n  ";
  }
  for (std::size_t i = 0; i < sorted.size(); ++i) {
    if (i > 0) text += "\n  ";
    text += sorted[i].where.text() + ": " + sorted[i].message;
  }
  throw ConfigError(text);
}

}  // namespace incipit
