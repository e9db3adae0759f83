// A value that a configuration gives to a key. What does not fit is added to the problems, with the
// place of the value and the path of the key: "run.yaml:3:10: train.steps: expected ...".
#pragma once

#include <string>
#include <utility>

#include "core/scalars.h"

namespace incipit {

class GivenValue {
 public:
  // `value` and `problems` must outlive this. `path` names the key ("train.steps").
  GivenValue(const ConfigValue& value, std::string path, Problems& problems)
      : value_(value), path_(std::move(path)), problems_(problems) {}

  [[nodiscard]] const ConfigValue& value() const { return value_; }
  // Returns a part of the value, whose path is that of the value and `suffix` (".key", "[2]").
  [[nodiscard]] GivenValue part(const ConfigValue& value, const std::string& suffix) const {
    return {value, path_ + suffix, problems_};
  }

  // Adds a problem.
  void refuse(const std::string& problem) const {
    problems_.add(value_.where, path_ + ": " + problem);
  }
  // Adds the problem that this is not `what`: "expected a list, found the number 3".
  void expect(const std::string& what) const {
    refuse("expected " + what + ", found " + value_.describe());
  }
  // Reads a scalar into `target`, which may be of any type that read_scalar() supports. Returns
  // false after adding the problem when it does not fit, and then leaves `target` unchanged.
  template <typename T, typename... Limits>
  bool read(T& target, const Limits&... limits) const {
    const std::string problem = read_scalar(value_, target, limits...);
    if (!problem.empty()) refuse(problem);
    return problem.empty();
  }

 private:
  const ConfigValue& value_;
  std::string path_;
  Problems& problems_;
};

}  // namespace incipit
