#include "comm/communicator.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "comm/bfloat16.h"
#include "comm/poll.h"
#include "core/check.h"
#include "core/error.h"
#include "core/phase.h"
#include "core/text.h"

namespace incipit::comm {
namespace {

template <typename T>
constexpr ElementType element_type() {
  if constexpr (std::is_same_v<T, float>) return ElementType::kFloat;
  if constexpr (std::is_same_v<T, double>) return ElementType::kDouble;
  if constexpr (std::is_same_v<T, std::int64_t>) return ElementType::kInt64;
}

// Adds the time of an outermost operation to the context's sum.
class Stopwatch {
 public:
  explicit Stopwatch(CommContext& context) : context_(context) { ++context_.nested; }
  ~Stopwatch() {
    if (--context_.nested > 0) return;
    ++context_.operations;
    context_.seconds += std::chrono::duration<double>(Clock::now() - start_).count();
  }
  Stopwatch(const Stopwatch&) = delete;
  Stopwatch& operator=(const Stopwatch&) = delete;

 private:
  using Clock = std::chrono::steady_clock;
  CommContext& context_;
  const Clock::time_point start_ = Clock::now();
};

}  // namespace

Communicator::Communicator(int rank, int size, std::string name,
                           std::shared_ptr<CommContext> context)
    : rank_(rank), size_(size), name_(std::move(name)), context_(std::move(context)) {
  INCIPIT_CHECK(0 <= rank && rank < size, "rank ", rank, " of ", size);
  INCIPIT_CHECK(context_ && context_->activity);
}

Communicator::Deadline Communicator::deadline() const {
  return std::chrono::steady_clock::now() + context_->timeout;
}

void Communicator::fail(const Collective& call, const std::string& message) const {
  const std::string operation =
      std::string(call.purpose.name()) + " (" + call.kind + " on " + name_ + ")";
  if (context_->broken_by.empty()) context_->broken_by = operation;
  const std::int64_t step = context_->activity->read().step;
  throw CommError(context_->world_rank, operation,
                  (step > 0 ? "at step " + std::to_string(step) + ", " : "") + message);
}

void Communicator::time_out(const Collective& call) const {
  std::string message = "the other ranks did not answer within " +
                        human_seconds(std::chrono::duration<double>(context_->timeout).count());
  const auto& diagnosis = context_->diagnosis ? context_->diagnosis : context_->absent;
  if (diagnosis) {
    if (const std::string seen = diagnosis(); !seen.empty()) message += "; " + seen;
  }
  fail(call, message);
}

void Communicator::require_unbroken(const Collective& call) const {
  if (context_->broken_by.empty()) return;
  fail(call, "not tried, because " + context_->broken_by + " failed before it");
}

template <typename Body>
auto Communicator::perform(const Collective& call, Body&& body) {
  require_unbroken(call);
  const Activity::CollectiveScope scope(*context_->activity, call);
  const Stopwatch stopwatch(*context_);
  const Phase phase(size_ > 1 ? call.purpose.name() : nullptr);
  return body();
}

template <typename T>
void Communicator::all_reduce(const char* kind, std::span<T> values, Reduction how,
                              Operation purpose) {
  const Collective call{kind, purpose};
  perform(call, [&] {
    do_all_reduce(Elements{values.data(), values.size(), element_type<T>()}, how, call);
  });
}

void Communicator::all_reduce_sum(std::span<float> values, Operation purpose) {
  all_reduce("all_reduce_sum", values, Reduction::kSum, purpose);
}

void Communicator::all_reduce_sum(std::span<double> values, Operation purpose) {
  all_reduce("all_reduce_sum", values, Reduction::kSum, purpose);
}

void Communicator::all_reduce_sum(std::span<BFloat16> values, Operation purpose) {
  const Collective call{"all_reduce_sum", purpose};
  perform(call, [&] { do_all_reduce(values, call); });
}

void Communicator::all_reduce_sum(std::span<const std::span<float>> parts, Operation purpose) {
  if (parts.size() == 1) return all_reduce_sum(parts.front(), purpose);
  const Collective call{"all_reduce_sum", purpose};
  perform(call, [&] { do_all_reduce(parts, call); });
}

void Communicator::all_reduce_max(std::span<std::int64_t> values, Operation purpose) {
  all_reduce("all_reduce_max", values, Reduction::kMax, purpose);
}

void Communicator::all_reduce_max(std::span<double> values, Operation purpose) {
  all_reduce("all_reduce_max", values, Reduction::kMax, purpose);
}

void Communicator::all_reduce_min(std::span<std::int64_t> values, Operation purpose) {
  all_reduce("all_reduce_min", values, Reduction::kMin, purpose);
}

void Communicator::all_reduce_min(std::span<double> values, Operation purpose) {
  all_reduce("all_reduce_min", values, Reduction::kMin, purpose);
}

std::int64_t Communicator::all_reduce_max(std::int64_t value, Operation purpose) {
  all_reduce_max(std::span(&value, 1), purpose);
  return value;
}

std::int64_t Communicator::all_reduce_min(std::int64_t value, Operation purpose) {
  all_reduce_min(std::span(&value, 1), purpose);
  return value;
}

void Communicator::broadcast(std::span<std::byte> bytes, int root, Operation purpose) {
  INCIPIT_CHECK(0 <= root && root < size_, "root ", root, " of ", size_);
  const Collective call{"broadcast", purpose};
  perform(call, [&] { do_broadcast(bytes, root, call); });
}

std::string Communicator::broadcast(std::string text, int root, Operation purpose) {
  std::uint64_t length = text.size();
  broadcast(std::as_writable_bytes(std::span(&length, 1)), root, purpose);
  text.resize(length);
  broadcast(std::as_writable_bytes(std::span(text)), root, purpose);
  return text;
}

void Communicator::all_gather(std::span<const std::byte> mine, std::span<std::byte> all,
                              Operation purpose) {
  INCIPIT_CHECK(all.size() == mine.size() * static_cast<std::size_t>(size_));
  const Collective call{"all_gather", purpose};
  perform(call, [&] { do_all_gather(mine, all, call); });
}

Pending Communicator::start_all_gather(std::span<const std::byte> mine, std::span<std::byte> all,
                                       Operation purpose) {
  INCIPIT_CHECK(all.size() == mine.size() * static_cast<std::size_t>(size_));
  const Collective call{"start_all_gather", purpose};
  return {*this, {"all_gather", purpose}, perform(call, [&] {
            return do_start_all_gather(mine, all, call);
          })};
}

void Pending::wait() {
  communicator_->perform(call_, [&] { started_->wait(); });
}

std::vector<std::string> Communicator::all_gather(std::string_view mine, Operation purpose) {
  const auto lengths = all_gather(static_cast<std::uint64_t>(mine.size()), purpose);
  const std::size_t longest = *std::max_element(lengths.begin(), lengths.end());
  std::string padded(mine);
  padded.resize(longest);
  std::string all(longest * lengths.size(), '\0');
  all_gather(std::as_bytes(std::span(padded)), std::as_writable_bytes(std::span(all)), purpose);
  std::vector<std::string> texts;
  texts.reserve(lengths.size());
  for (std::size_t r = 0; r < lengths.size(); ++r) {
    texts.push_back(all.substr(r * longest, lengths[r]));
  }
  return texts;
}

void Communicator::reduce_scatter_sum(std::span<const float> all, std::span<float> mine,
                                      Operation purpose) {
  INCIPIT_CHECK(all.size() == mine.size() * static_cast<std::size_t>(size_));
  const Collective call{"reduce_scatter_sum", purpose};
  perform(call, [&] { do_reduce_scatter(all, mine, call); });
}

void Communicator::barrier(Operation purpose) {
  const Collective call{"barrier", purpose};
  perform(call, [&] { do_barrier(call); });
}

void Communicator::wait_until(const std::function<bool()>& done, Operation purpose) {
  const Collective call{"wait", purpose};
  require_unbroken(call);
  const Activity::CollectiveScope scope(*context_->activity, call);
  constexpr std::chrono::milliseconds kPatience{1};
  const bool in_time = poll_until(deadline(), kPatience, [&] {
    if (done()) return true;
    for (Communicator* const each : context_->enqueuing) each->do_check(/*timed_out=*/false);
    return false;
  });
  if (in_time) return;
  for (Communicator* const each : context_->enqueuing) each->do_check(/*timed_out=*/true);
  time_out(call);
}

std::unique_ptr<Communicator> Communicator::split(int color, int key, std::string name) {
  INCIPIT_CHECK(color >= 0);
  const Collective call{"split", "communicator set-up"};
  return perform(call, [&] { return do_split(color, key, std::move(name), call); });
}

void Communicator::check_peer(int peer, int tag) const {
  INCIPIT_CHECK(0 <= peer && peer < size_ && peer != rank_, "peer ", peer, " of ", size_);
  INCIPIT_CHECK(0 <= tag && tag <= 32767, "tag ", tag);
}

void Communicator::send(std::span<const std::byte> bytes, int to, int tag, Operation purpose) {
  check_peer(to, tag);
  const Collective call{"send", purpose};
  perform(call, [&] { do_send(bytes, to, tag, call); });
}

std::optional<Pending> Communicator::start(Operation purpose,
                                           const std::function<void()>& operation) {
  const Collective call{"wait", purpose};
  auto started = do_start(call, operation);
  if (!started) return std::nullopt;
  return Pending(*this, call, std::move(started));
}

void Communicator::run_after(const Mark& /*mark*/, const std::function<void()>& operation) {
  operation();
}

std::unique_ptr<Pending::Started> Communicator::do_start(const Collective& /*call*/,
                                                         const std::function<void()>& operation) {
  operation();
  return nullptr;
}

void Communicator::recv(std::span<std::byte> bytes, int from, int tag, Operation purpose) {
  check_peer(from, tag);
  const Collective call{"recv", purpose};
  perform(call, [&] { do_recv(bytes, from, tag, call); });
}

void Communicator::exchange(std::span<const std::byte> to_peer, std::span<std::byte> from_peer,
                            int peer, int tag, Operation purpose) {
  check_peer(peer, tag);
  const Collective call{"exchange", purpose};
  perform(call, [&] { do_exchange(to_peer, from_peer, peer, tag, call); });
}

LocalRank Communicator::local_rank(Operation purpose) {
  const Collective call{"local_rank", purpose};
  return perform(call, [&] { return do_local_rank(call); });
}

std::unique_ptr<Pending::Started> Communicator::do_start_all_gather(std::span<const std::byte> mine,
                                                                    std::span<std::byte> all,
                                                                    const Collective& call) {
  class Later final : public Pending::Started {
   public:
    explicit Later(std::function<void()> work) : work_(std::move(work)) {}
    void wait() override { work_(); }

   private:
    std::function<void()> work_;
  };
  return std::make_unique<Later>([this, mine, all, purpose = call.purpose] {
    do_all_gather(mine, all, {"all_gather", purpose});
  });
}

void Communicator::do_all_reduce(std::span<BFloat16> values, const Collective& call) {
  std::vector<float> wide(values.size());
  std::transform(values.begin(), values.end(), wide.begin(), to_float);
  do_all_reduce(Elements{wide.data(), wide.size(), ElementType::kFloat}, Reduction::kSum, call);
  std::transform(wide.begin(), wide.end(), values.begin(), to_bfloat16);
}

void Communicator::do_all_reduce(std::span<const std::span<float>> parts, const Collective& call) {
  std::vector<float> flat;
  for (const auto part : parts) flat.insert(flat.end(), part.begin(), part.end());
  do_all_reduce(Elements{flat.data(), flat.size(), ElementType::kFloat}, Reduction::kSum, call);
  auto from = flat.begin();
  for (const auto part : parts) {
    std::copy_n(from, part.size(), part.begin());
    from += static_cast<std::ptrdiff_t>(part.size());
  }
}

}  // namespace incipit::comm
