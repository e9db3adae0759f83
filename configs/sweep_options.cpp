#include "configs/sweep_options.h"

#include <algorithm>
#include <utility>

#include "core/schema.h"
#include "core/text.h"

namespace incipit::configs {
namespace {

// Adds a key that takes a list of the values that key `of` of `Options` takes.
template <typename Options, typename T>
void list_of(Schema& schema, const std::string& key, std::vector<T>& target, const std::string& of,
             T Options::*member, const std::string& meaning) {
  const auto with_field = [of](Options& options, const auto& use) {
    Schema one;
    declare(one, options);
    use(std::get<Schema::Field>(*one.find(of)));
  };
  Options defaults;
  std::string type;
  with_field(defaults, [&](const Schema::Field& field) { type = "list of: " + field.type; });
  schema.custom({.key = key,
                 .type = type,
                 .meaning = meaning,
                 .read =
                     [&target, member, with_field](const GivenValue& given) {
                       if (given.value().kind != ConfigValue::Kind::kSequence) {
                         return given.expect("a list");
                       }
                       target.clear();
                       for (const ConfigValue& item : given.value().items) {
                         Options options;
                         const std::string place = "[" + std::to_string(target.size()) + "]";
                         with_field(options, [&](const Schema::Field& field) {
                           field.read(given.part(item, place));
                         });
                         target.push_back(options.*member);
                       }
                     },
                 .write =
                     [&target, member, with_field] {
                       ConfigValue list = ConfigValue::list({});
                       for (const T& value : target) {
                         Options options;
                         options.*member = value;
                         with_field(options, [&](const Schema::Field& field) {
                           list.items.push_back(field.write());
                         });
                       }
                       return list;
                     }});
}

std::string init_word(methods::InitKind kind) {
  methods::InitOptions options;
  options.kind = kind;
  Schema schema;
  declare(schema, options);
  return std::get<Schema::Field>(*schema.find("kind")).write().scalar;
}

// Drops the settings of other initialisers of the list.
void keep_used(methods::InitOptions& init) {
  if (init.kind != methods::InitKind::kText) init.text.clear();
  if (init.kind != methods::InitKind::kFile) init.path.clear();
}

// Calls `add` with every value of the list, or with the run's own, and with its part of a name.
template <typename T, typename Text, typename Add>
void for_each(const std::vector<T>& list, const T& own, const Text& text, const Add& add) {
  if (list.empty()) return add(own, std::string());
  for (const T& value : list) add(value, text(value));
}

std::string joined(const std::string& name, const std::string& part) {
  return name.empty() || part.empty() ? name + part : name + "-" + part;
}

template <typename T>
void check_list(const std::string& key, const std::vector<T>& list,
                std::vector<OptionProblem>& problems) {
  for (auto value = list.begin(); value != list.end(); ++value) {
    if (std::find(list.begin(), value, *value) == value) continue;
    problems.push_back({key, "has a value twice"});
    return;
  }
}

}  // namespace

void declare(Schema& schema, SweepOptions& o) {
  list_of(schema, "num_virtual_tokens", o.num_virtual_tokens, "num_virtual_tokens",
          &methods::MethodOptions::num_virtual_tokens, "values of method.num_virtual_tokens");
  list_of(schema, "init", o.init, "kind", &methods::InitOptions::kind,
          "values of method.init.kind");
  list_of(schema, "lr", o.lr, "lr", &trainer::OptimizerOptions::lr, "values of train.optimizer.lr");
  list_of(schema, "seed", o.seed, "seed", &RunOptions::seed,
          "seeds of initial values and of the order of examples; the members of a setting that "
          "differ in the seed only are an ensemble");
}

std::vector<SweepMember> sweep_members(const SweepOptions& sweep, const RunOptions& run,
                                       const methods::MethodOptions& method,
                                       const trainer::OptimizerOptions& optimizer) {
  std::vector<SweepMember> members;
  if (sweep.empty()) return members;
  SweepMember now{.name = {}, .setting = {}, .method = method};
  const auto with_seeds = [&](double lr, const std::string& setting) {
    now.lr = lr;
    now.setting = setting;
    for_each(
        sweep.seed, run.seed, [](std::uint64_t seed) { return "seed" + std::to_string(seed); },
        [&](std::uint64_t seed, const std::string& part) {
          now.seed = seed;
          now.name = joined(setting, part);
          members.push_back(now);
        });
  };
  const auto with_rates = [&](const std::string& name) {
    for_each(
        sweep.lr, optimizer.lr, [](double lr) { return "lr" + number_text(lr); },
        [&](double lr, const std::string& part) { with_seeds(lr, joined(name, part)); });
  };
  const auto with_inits = [&](const std::string& name) {
    for_each(sweep.init, method.init.kind, init_word,
             [&](methods::InitKind kind, const std::string& part) {
               now.method.init = method.init;
               now.method.init.kind = kind;
               if (!sweep.init.empty()) keep_used(now.method.init);
               with_rates(joined(name, part));
             });
  };
  for_each(
      sweep.num_virtual_tokens, method.num_virtual_tokens,
      [](std::int64_t tokens) { return "tokens" + std::to_string(tokens); },
      [&](std::int64_t tokens, const std::string& part) {
        now.method.num_virtual_tokens = tokens;
        with_inits(part);
      });
  return members;
}

std::vector<OptionProblem> validate(const SweepOptions& sweep) {
  std::vector<OptionProblem> problems;
  if (sweep.empty()) return problems;
  check_list("num_virtual_tokens", sweep.num_virtual_tokens, problems);
  check_list("init", sweep.init, problems);
  check_list("lr", sweep.lr, problems);
  check_list("seed", sweep.seed, problems);
  if (sweep_members(sweep, {}, {}, {}).size() < 2) {
    problems.push_back({"seed", "the sweep has a single member; give a list with more values"});
  }
  return problems;
}

}  // namespace incipit::configs
