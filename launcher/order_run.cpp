#include "launcher/order_run.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "core/error.h"
#include "core/json.h"
#include "core/stop_request.h"
#include "data/demonstrations.h"
#include "eval/probes.h"
#include "launcher/order_outcome.h"
#include "launcher/prompt_source.h"
#include "launcher/search_dir.h"

namespace incipit::launcher {
namespace {

std::optional<methods::LoadedPrompt> prompt_of(const configs::RunConfig& config,
                                               const std::string& adapter) {
  return adapter.empty() ? std::nullopt : trained_prompt(config, adapter);
}

}  // namespace

OrderRun::OrderRun(configs::RunConfig config, const std::string& adapter)
    : adapter_(adapter),
      trained_(prompt_of(config, adapter)),
      session_(open_session(config, rows_of(trained_),
                            {.train = false, .validation = true, .test = true})),
      model_(prompted_model(session_, trained_, adapter)),
      dir_(config.run.output_dir) {
  const data::Splits& splits = session_.splits();
  const bool tests = !splits.test.empty();
  const configs::RunConfig& c = session_.config;
  split_ = tests ? "test" : "validation";
  queries_ =
      data::draw_queries(tests ? splits.test : splits.validation, c.order.queries, c.run.seed);
  if (!queries_.labelled()) {
    throw DataError(queries_.file() +
                    ": an example has no label; measuring orders needs the label of every example");
  }
  if (tests && !splits.validation.empty()) {
    held_back_ = data::draw_queries(splits.validation, c.order.queries, c.run.seed);
  }
}

std::string OrderRun::identity() const {
  configs::RunConfig config = session_.config;
  config.order.best = configs::RunConfig().order.best;
  return search_identity(session_, config, adapter_,
                         {&session_.splits().demonstrations, &queries_, &held_back_});
}

void OrderRun::open_journal() {
  const std::string own = identity();
  const std::filesystem::path file = open_search_dir(session_, dir_, "order", own);
  journal_.emplace(file, own, session_.world());
  begin_search(file, journal_->resumed());
}

void OrderRun::show_progress(std::int64_t done, std::int64_t total, const std::string& title) {
  if (!session_.is_rank_zero()) return;
  if (progress_title_ != title) {
    if (progress_) progress_->finish();
    progress_ = std::make_unique<telemetry::Progress>(title, total);
    progress_title_ = title;
  }
  progress_->update(done);
}

// Generates the probes. In each round every rank takes an order.
data::Dataset OrderRun::generate(eval::OrderSearch& search) {
  comm::Communicator& ranks = session_.mesh->batch();
  std::vector<std::size_t> missing;
  for (std::size_t o = 0; o < search.orders().size(); ++o) {
    if (journal_->probes(o) == nullptr) missing.push_back(o);
  }
  const auto world = static_cast<std::size_t>(ranks.size());
  for (std::size_t first = 0; first < missing.size(); first += world) {
    leave_if_stopped(session_);
    show_progress(static_cast<std::int64_t>(first), std::ssize(missing), "probes");
    const std::size_t mine = first + static_cast<std::size_t>(ranks.rank());
    nlohmann::json written = nlohmann::json::array();
    if (mine < missing.size()) written = search.write_probes(missing[mine]);
    const auto all = ranks.all_gather(dump_json(written), "probes");
    for (std::size_t r = 0; r < world && first + r < missing.size(); ++r) {
      journal_->add_probes(missing[first + r],
                           parse_json<nlohmann::json>(all[r]).get<std::vector<std::string>>());
    }
  }
  std::vector<std::vector<std::string>> by_order;
  for (std::size_t o = 0; o < search.orders().size(); ++o) {
    by_order.push_back(*journal_->probes(o));
    generated_ += std::ssize(by_order.back());
  }
  return eval::pool_probes(*session_.task, by_order, session_.config.order, model_.rows(0).rows);
}

std::vector<eval::Likelihoods> OrderRun::score(eval::OrderSearch& search,
                                               const eval::OrderInputs& inputs) {
  const auto count = std::ssize(search.orders());
  const std::int64_t each = inputs.all().size();
  std::vector<eval::Likelihoods> by_order;
  for (std::size_t o = 0; o < search.orders().size(); ++o) {
    if (journal_->likelihoods(o) == nullptr) {
      leave_if_stopped(session_);
      const auto tell = [&](std::int64_t done, std::int64_t) {
        show_progress(static_cast<std::int64_t>(o) * each + done, count * each, "inputs");
      };
      journal_->add_likelihoods(
          o, search.score(o, inputs, session_.config.eval, session_.mesh->batch(), tell));
    }
    by_order.push_back(*journal_->likelihoods(o));
  }
  if (progress_) progress_->finish();
  return by_order;
}

std::optional<eval::OrderResults> OrderRun::run() {
  const configs::RunConfig& c = session_.config;
  open_journal();
  eval::OrderSearch search(model_, *session_.task, session_.splits().demonstrations, c.order,
                           c.run.seed);
  data::Dataset probes;
  if (c.order.probes_per_order > 0) probes = generate(search);
  const eval::OrderInputs inputs(*session_.task, queries_, held_back_, std::move(probes),
                                 model_.rows(0).rows > 0);
  const std::vector<eval::Likelihoods> by_order = score(search, inputs);
  if (!session_.is_rank_zero()) return std::nullopt;
  eval::OrderResults results = order_outcome(session_, search, inputs, by_order);
  results.split = split_;
  results.probes_generated = generated_;
  write_order_results(session_.config, results);
  on_stop_signal(OnSignal::kDone);
  return results;
}

}  // namespace incipit::launcher
