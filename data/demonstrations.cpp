#include "data/demonstrations.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <sstream>

#include "core/error.h"
#include "core/files.h"
#include "core/random.h"

namespace incipit::data {
namespace {

constexpr std::uint64_t kShotsStream = 0x73686f7473;  // "shots"

// Sorts the drawn examples so that labels come in turn. An example's turn is the number of examples
// of its label before it.
void take_labels_in_turn(const Dataset& train, std::vector<std::int64_t>& order) {
  std::map<int, std::int64_t> seen;
  std::vector<std::int64_t> turn(order.size());
  for (const std::int64_t index : order) turn[index] = seen[train.facts(index).label]++;
  std::stable_sort(order.begin(), order.end(),
                   [&](std::int64_t a, std::int64_t b) { return turn[a] < turn[b]; });
}

std::vector<ExamplePlace> read_places(const std::filesystem::path& file) {
  std::istringstream text(read_text(file));
  std::vector<ExamplePlace> places;
  std::string word;
  for (int number = 1; text >> word; ++number) {
    const auto place = read_place(word);
    if (!place) {
      throw DataError(file.string() + ": entry " + std::to_string(number) + ": '" + word +
                      "' is no line of a training example; expected LINE, from 1, or LINE:PART");
    }
    places.push_back(*place);
  }
  return places;
}

std::vector<ExamplePlace> given_places(const TaskOptions& options) {
  const ShotLines& lines = options.shot_lines;
  std::vector<ExamplePlace> places = lines.file.empty() ? lines.places : read_places(lines.file);
  const auto shots = static_cast<std::size_t>(options.shots);
  if (places.size() < shots) {
    throw DataError(lines.file + ": lists " + std::to_string(places.size()) +
                    " examples, but task.shots is " + std::to_string(shots));
  }
  places.resize(shots);
  return places;
}

std::vector<std::int64_t> find_examples(const Dataset& train,
                                        const std::vector<ExamplePlace>& places) {
  std::map<std::pair<std::int64_t, std::int64_t>, std::int64_t> index_of;
  for (std::int64_t i = 0; i < train.size(); ++i) {
    const ExampleFacts facts = train.facts(i);
    index_of[{facts.line, std::int64_t{facts.part}}] = i;
  }
  std::vector<std::int64_t> indices;
  for (const ExamplePlace& place : places) {
    const auto found = index_of.find({place.line, place.part});
    const std::string what = "task.shot_lines: line " + place_text(place);
    if (found == index_of.end()) {
      throw ConfigError(what + " of " + train.file() +
                        " is no training example; expected one that is not in the validation "
                        "split");
    }
    if (std::count(indices.begin(), indices.end(), found->second) > 0) {
      throw ConfigError(what + " is given twice");
    }
    indices.push_back(found->second);
  }
  return indices;
}

}  // namespace

std::vector<std::int64_t> draw_demonstrations(const Dataset& train, std::int64_t count,
                                              ShotChoice choice, std::uint64_t seed) {
  if (count > train.size()) {
    throw DataError(train.file() + ": has " + std::to_string(train.size()) +
                    " examples, but task.shots is " + std::to_string(count));
  }
  std::vector<std::int64_t> order(static_cast<std::size_t>(train.size()));
  std::iota(order.begin(), order.end(), 0);
  Random random(seed, kShotsStream);
  random.shuffle(std::span(order));
  if (choice == ShotChoice::kBalanced) take_labels_in_turn(train, order);
  order.resize(static_cast<std::size_t>(count));
  random.shuffle(std::span(order));
  return order;
}

std::vector<std::int64_t> choose_demonstrations(const TaskOptions& options, const Dataset& train,
                                                std::uint64_t seed) {
  if (options.shot_lines.given()) return find_examples(train, given_places(options));
  const std::uint64_t own =
      options.shot_seed < 0 ? seed : static_cast<std::uint64_t>(options.shot_seed);
  return draw_demonstrations(train, options.shots, options.shot_choice, own);
}

std::vector<Record> demonstration_records(const Task& task, const Dataset& train,
                                          const std::vector<std::int64_t>& indices) {
  return example_records(task, train, indices, /*training=*/true);
}

}  // namespace incipit::data
