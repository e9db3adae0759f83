#include "eval/probes.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <string_view>
#include <utility>

#include "core/error.h"
#include "core/json.h"
#include "core/random.h"
#include "data/answer_text.h"
#include "data/batch.h"
#include "data/record.h"
#include "eval/generation.h"

namespace incipit::eval {
namespace {

using ProbeJson = nlohmann::json;
using Values = std::map<std::string, std::string>;  // by field

// A record that is being written.
struct Draft {
  std::string text;  // of the source so far
  Values values;
};

// Returns the text with which the template ends a field: the first line of what follows it.
std::string end_of_field(const std::string& following) {
  const std::string_view text = data::stripped(following);
  return std::string(text.substr(0, text.find('\n')));
}

// Returns the field's value: the generated text up to a line break or `end`.
std::string value_of(std::string_view generated, const std::string& end, bool& ended) {
  const std::size_t begin = std::min(generated.find_first_not_of(" \t\r\n"), generated.size());
  std::string_view value = generated.substr(begin);
  std::size_t size = value.find('\n');
  if (!end.empty()) size = std::min(size, value.find(end));
  ended = size != std::string_view::npos;
  return std::string(data::stripped(value.substr(0, size)));
}

// Generates the next field of every draft.
std::vector<std::string> generate_field(SharedBeginning beginning, const data::Task& task,
                                        const std::vector<Draft>& drafts, const std::string& end,
                                        const OrderOptions& options, std::uint64_t seed) {
  Generator generator(std::move(beginning));
  std::vector<Sequence> sequences;
  for (const Draft& draft : drafts) {
    // The space before a word belongs to the word's token.
    const std::size_t last = draft.text.find_last_not_of(' ');
    data::Example example;
    example.source = task.source_opening(draft.text.substr(0, last + 1));
    sequences.push_back(data::source_sequence(task, example, generator.prompt_rows()));
  }
  std::vector<std::vector<TokenId>> tokens(drafts.size());
  bool ended = false;
  const auto continues = [&](std::size_t sequence, TokenId token) {
    tokens[sequence].push_back(token);
    (void)value_of(task.tokenizer().decode(tokens[sequence]), end, ended);
    return !ended;
  };
  (void)generator.run(std::move(sequences),
                      {.max_tokens = options.max_probe_tokens,
                       .temperature = options.temperature,
                       .block_ngrams = options.block_ngrams,
                       .seed = seed,
                       .stops = task.model().special.stops},
                      continues);
  std::vector<std::string> values;
  for (const auto& each : tokens) {
    values.push_back(value_of(task.tokenizer().decode(each), end, ended));
  }
  return values;
}

// Returns a record with these fields; "a.b" is field b of object a.
std::string record_of(const Values& values) {
  ProbeJson record = ProbeJson::object();
  for (const auto& [field, value] : values) {
    ProbeJson* place = &record;
    std::istringstream path(field);
    for (std::string name; std::getline(path, name, '.');) place = &(*place)[name];
    *place = value;
  }
  return dump_json(record, -1, BadUtf8::kReplace);
}

std::int64_t words_of(const ProbeJson& value) {
  std::int64_t words = 0;
  if (value.is_object()) {
    for (const auto& [name, inside] : value.items()) words += words_of(inside);
    return words;
  }
  std::istringstream text(value.get<std::string>());
  for (std::string word; text >> word;) ++words;
  return words;
}

bool has_empty_field(const ProbeJson& value) {
  if (!value.is_object()) return value.get_ref<const std::string&>().empty();
  for (const auto& [name, inside] : value.items()) {
    if (has_empty_field(inside)) return true;
  }
  return false;
}

}  // namespace

std::vector<std::string> write_probes(SharedBeginnings& beginnings, std::size_t index,
                                      const data::Task& task, const OrderOptions& options,
                                      std::uint64_t seed) {
  std::vector<Draft> drafts(static_cast<std::size_t>(options.probes_per_order),
                            Draft{task.options().source_prefix, {}});
  const auto& parts = task.source_template().parts();
  for (std::size_t p = 0; p < parts.size(); ++p) {
    const auto& [is_field, text] = parts[p];
    if (is_field && !drafts.front().values.contains(text)) {
      const bool last = p + 1 == parts.size() || parts[p + 1].is_field;
      const auto values = generate_field(beginnings[index], task, drafts,
                                         last ? "" : end_of_field(parts[p + 1].text), options,
                                         mix_seed(mix_seed(seed, index), p));
      for (std::size_t d = 0; d < drafts.size(); ++d) drafts[d].values[text] = values[d];
    }
    for (Draft& draft : drafts) draft.text += is_field ? draft.values[text] : text;
  }
  std::vector<std::string> records;
  for (const Draft& draft : drafts) records.push_back(record_of(draft.values));
  return records;
}

data::Dataset pool_probes(const data::Task& task,
                          const std::vector<std::vector<std::string>>& by_order,
                          const OrderOptions& options, std::int64_t prompt_rows) {
  const std::string name = "generated probes";
  std::vector<data::Example> kept;
  std::set<std::string> seen;
  std::int64_t generated = 0;
  for (const auto& records : by_order) {
    for (const std::string& text : records) {
      ++generated;
      const ProbeJson values = parse_json<ProbeJson>(text);
      if (words_of(values) < options.min_probe_words || has_empty_field(values)) continue;
      if (!seen.insert(text).second) continue;
      try {
        data::Example example = task.question(data::Record(text, name, generated));
        task.check_rows(example, name, prompt_rows);
        kept.push_back(std::move(example));
      } catch (const DataError&) {  // it is no input of the task
      }
    }
  }
  const auto valid = static_cast<std::int64_t>(kept.size());
  if (valid >= kFewestProbes) return {name, std::move(kept), 0};
  throw ConfigError("order.probes_per_order: " + std::to_string(valid) + " of " +
                    std::to_string(generated) +
                    " generated probes are valid and different, and the search needs " +
                    std::to_string(kFewestProbes) +
                    "; set a higher number or a lower order.temperature, or 0 to measure the "
                    "sensitivity only");
}

}  // namespace incipit::eval
