// Collects all problems of a configuration, so that they are reported at once.
#pragma once

#include <string>
#include <vector>

namespace incipit {

// Where a value came from: a file, with line and column (from 1), or an override.
struct Location {
  std::string source{};  // "rte.yaml", "--set train.steps=many"
  int line = 0;          // 0: the source has no lines
  int column = 0;
  [[nodiscard]] std::string text() const;  // "rte.yaml:12:3"
};

class Problems {
 public:
  void add(const Location& where, const std::string& message);
  [[nodiscard]] bool empty() const { return problems_.empty(); }

  // Throws one ConfigError that lists every problem once, in the order of files and lines. Does
  // nothing when there are none.
  void throw_if_any() const;

 private:
  struct Problem {
    Location where;
    std::string message;
  };
  std::vector<Problem> problems_;
};

}  // namespace incipit
