#include <algorithm>
#include <limits>
#include <map>

#include "plan/plan.h"

namespace incipit::plan {
namespace {

constexpr std::int64_t kMostBatch = 1 << 20;  // examples in the whole job
constexpr std::int64_t kMostRows = 1 << 17;   // of a step that is run to count its memory

// Memory of the fullest rank by the examples of each copy of the model.
class Memory {
 public:
  Memory(const model::ModelSpec& spec, const comm::MeshShape& shape, Workload workload)
      : spec_(spec), shape_(shape), workload_(std::move(workload)) {
    workload_.train.micro_batch_tokens = std::numeric_limits<std::int64_t>::max();
  }

  [[nodiscard]] double of(std::int64_t examples) {
    const auto known = known_.find(examples);
    if (known != known_.end()) return known->second;
    workload_.train.batch_size = examples * shape_.data * shape_.fsdp;
    double most = 0;
    for (const int rank : distinct_ranks(spec_, shape_)) {
      most = std::max(most, rank_cost(spec_, shape_, rank, workload_).bytes.all);
    }
    return known_[examples] = most;
  }

  // Returns the number of examples that takes `bytes`, on the line through two numbers.
  [[nodiscard]] double on_line(std::int64_t a, std::int64_t b, double bytes) {
    const double slope = (of(b) - of(a)) / static_cast<double>(b - a);
    return slope > 0 ? static_cast<double>(a) + (bytes - of(a)) / slope : 1e18;
  }

 private:
  const model::ModelSpec& spec_;
  comm::MeshShape shape_;
  Workload workload_;
  std::map<std::int64_t, double> known_;
};

// Returns the largest number in [fitting, too_many) that fits. The first fits, the second does not.
// Memory is nearly linear in the number of examples, so lines lead there fast; halving bounds the
// number of turns.
std::int64_t between(Memory& memory, std::int64_t fitting, std::int64_t too_many, double bytes) {
  for (bool on_line = true; too_many - fitting > 1; on_line = !on_line) {
    const std::int64_t guess =
        on_line ? static_cast<std::int64_t>(memory.on_line(fitting, too_many, bytes))
                : (fitting + too_many) / 2;
    const std::int64_t tried = std::clamp(guess, fitting + 1, too_many - 1);
    (memory.of(tried) <= bytes ? fitting : too_many) = tried;
    // A line that was right: the next number must not fit.
    if (on_line && fitting == tried && memory.of(tried + 1) > bytes) too_many = tried + 1;
  }
  return fitting;
}

}  // namespace

std::int64_t largest_batch(const model::ModelSpec& spec, const comm::MeshShape& shape,
                           Workload workload, double memory_bytes) {
  const std::int64_t copies = shape.data * shape.fsdp;
  const std::int64_t most = std::max<std::int64_t>(1, kMostBatch / copies);
  const std::int64_t runnable =
      std::clamp<std::int64_t>(kMostRows / workload.example_rows, 2, most);
  Memory memory(spec, shape, std::move(workload));
  if (memory.of(1) > memory_bytes) return 0;
  std::int64_t fitting = 1;
  while (fitting < runnable) {
    const std::int64_t next = std::min(2 * fitting, runnable);
    if (memory.of(next) > memory_bytes)
      return between(memory, fitting, next, memory_bytes) * copies;
    fitting = next;
  }
  const double extrapolated = memory.on_line(fitting / 2, fitting, memory_bytes);
  return static_cast<std::int64_t>(std::min(extrapolated, static_cast<double>(most))) * copies;
}

}  // namespace incipit::plan
