#include "comm/mesh_options.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "core/schema.h"
#include "core/text.h"

namespace incipit::comm {
namespace {

const std::vector<std::string> kBackends{"auto", "single", "mpi", "nccl"};

std::string ranks(int count) { return std::to_string(count) + (count == 1 ? " rank" : " ranks"); }

// Returns the mesh of `world` ranks whose split of the model is nearest to that of `wanted`.
MeshShape nearest(const MeshShape& wanted, int world, const MeshLimits& limits) {
  MeshShape best{.data = world};
  const auto consider = [&](const MeshShape& shape) {
    if (distance(shape, wanted) < distance(best, wanted)) best = shape;
  };
  const auto divisors_of = [](int number, int most) {
    std::vector<int> divisors;
    for (int d = 1; d <= std::min(number, most); ++d) {
      if (number % d == 0) divisors.push_back(d);
    }
    return divisors;
  };
  for (const int pipeline : divisors_of(world, limits.pipeline)) {
    for (const int tensor : divisors_of(world / pipeline, limits.tensor)) {
      const int copies = world / tensor / pipeline;
      for (const int fsdp : divisors_of(copies, wanted.fsdp > 1 ? copies : 1)) {
        consider({.data = copies / fsdp, .fsdp = fsdp, .pipeline = pipeline, .tensor = tensor});
      }
    }
  }
  return best;
}

// Returns why `shape` is impossible in a world of `world` ranks, or "" if it is possible.
std::string objection(const MeshOptions& options, const MeshShape& shape, int world,
                      const MeshLimits& limits) {
  if (shape.tensor > limits.tensor) {
    return "parallel.tensor: " + ranks(shape.tensor) + ", but the model has " +
           std::to_string(limits.tensor) + " attention heads to split";
  }
  if (shape.pipeline > limits.pipeline) {
    return "parallel.pipeline: " + ranks(shape.pipeline) + ", but the model has " +
           std::to_string(limits.pipeline) + " layers to split";
  }
  if (shape.product() == world) return "";
  const MeshShape one_copy{.fsdp = shape.fsdp, .pipeline = shape.pipeline, .tensor = shape.tensor};
  if (options.data == 0) {
    return "parallel: one copy of the model takes " + ranks(one_copy.product()) + " (" +
           describe(one_copy) + "), which does not divide the world of " + ranks(world);
  }
  return "parallel: " + describe(shape) + " = " + ranks(shape.product()) + ", but the world has " +
         ranks(world);
}

}  // namespace

void declare(Schema& schema, MeshOptions& o) {
  schema.integer_or("data", o.data, {{"auto", 0}}, "copies of the model; auto: as ranks allow",
                    {.min = 1});
  schema.field("tensor", o.tensor, "ranks that split every layer", {.min = 1});
  schema.field("pipeline", o.pipeline, "ranks that split the sequence of layers", {.min = 1});
  schema.integer_or("fsdp", o.fsdp, {{"false", 1}, {"true", 0}},
                    "ranks that hold one copy of the model between them and gather each layer for "
                    "use; true: all that data leaves",
                    {.min = 1});
  schema.integer_or("world", o.world, {{"any", 0}},
                    "ranks that the run must have; another number is refused, as when a launcher "
                    "starts every rank as a separate job",
                    {.min = 1});
  schema.word("backend", o.backend, kBackends,
              "how ranks talk; auto: mpi under mpirun, else single");
  schema.field("timeout_seconds", o.timeout_seconds, "of one operation among ranks",
               {.min = 0, .max = 86400, .open_min = true});
}

std::string describe(const MeshShape& shape) {
  std::string text = "data " + std::to_string(shape.data);
  const auto add = [&](const char* name, int size) {
    if (size > 1) text += std::string(" x ") + name + " " + std::to_string(size);
  };
  add("fsdp", shape.fsdp);
  add("pipeline", shape.pipeline);
  add("tensor", shape.tensor);
  return text;
}

double distance(const MeshShape& shape, const MeshShape& wanted) {
  const auto doublings = [](double a, double b) { return std::abs(std::log2(a / b)); };
  return doublings(shape.fsdp, wanted.fsdp) + doublings(shape.pipeline, wanted.pipeline) +
         doublings(shape.tensor, wanted.tensor);
}

std::vector<OptionProblem> validate(const MeshOptions& options) {
  std::vector<OptionProblem> problems;
  const auto at_least = [&](int value, int least, const char* key, const char* hint) {
    if (value >= least) return;
    problems.push_back({key, std::to_string(value) + " is less than " + std::to_string(least) +
                                 "; write " + hint});
  };
  at_least(options.data, 0, "data", "a number of copies, or auto");
  at_least(options.tensor, 1, "tensor", "1 for layers that are not split");
  at_least(options.pipeline, 1, "pipeline", "1 for layers that are all on one rank");
  at_least(options.world, 0, "world", "a number of ranks, or any");
  at_least(options.fsdp, 0, "fsdp", "a number of ranks, true or false");
  if (std::find(kBackends.begin(), kBackends.end(), options.backend) == kBackends.end()) {
    problems.push_back({"backend", "'" + options.backend + "' is not one of " + join(kBackends) +
                                       did_you_mean(options.backend, kBackends)});
  }
  if (!std::isfinite(options.timeout_seconds) || options.timeout_seconds <= 0 ||
      options.timeout_seconds > 86400) {
    problems.push_back({"timeout_seconds", "expected more than 0 and at most 86400 (a day)"});
  }
  return problems;
}

void require_valid(const MeshOptions& options) {
  const auto problems = validate(options);
  if (problems.empty()) return;
  throw ConfigError("parallel." + problems.front().key + ": " + problems.front().message);
}

MeshShape resolve_mesh(const MeshOptions& options, int world_size, const MeshLimits& limits) {
  require_valid(options);
  MeshShape shape{.data = options.data,
                  .fsdp = options.fsdp,
                  .pipeline = options.pipeline,
                  .tensor = options.tensor};
  if (shape.fsdp == 0) {
    shape.data = std::max(shape.data, 1);
    shape.fsdp = std::max(world_size / (shape.data * shape.pipeline * shape.tensor), 1);
  } else if (shape.data == 0) {
    shape.data = std::max(world_size / (shape.fsdp * shape.pipeline * shape.tensor), 1);
  }
  const std::string wrong = objection(options, shape, world_size, limits);
  if (wrong.empty()) return shape;

  const MeshShape near = nearest(shape, world_size, limits);
  std::string message =
      wrong + "; the nearest mesh of " + ranks(world_size) + " is " + describe(near);
  const bool can_grow = shape.tensor <= limits.tensor && shape.pipeline <= limits.pipeline;
  if (can_grow) {
    message += "; for this one start " + ranks(shape.product()) + " (mpirun -n " +
               std::to_string(shape.product()) + ")";
  }
  throw ConfigError(message);
}

}  // namespace incipit::comm
