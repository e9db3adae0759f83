#include "comm/roll_call.h"

#define OMPI_SKIP_MPICXX 1
#include <mpi.h>

#include <algorithm>
#include <array>

#include "comm/heartbeat.h"
#include "comm/poll.h"
#include "core/error.h"

namespace incipit::comm {
namespace {

using std::chrono::milliseconds;

constexpr int kTag = 7001;  // on MPI_COMM_WORLD, where nothing else sends
constexpr int kListeners = 2;
constexpr milliseconds kLongestGap = std::chrono::seconds(30);

milliseconds next_gap(milliseconds gap) { return std::min(gap + gap / 2, kLongestGap); }

}  // namespace

struct RollCall::Message {
  std::int64_t turn = 0;
  std::int64_t repeated_within = 0;  // milliseconds
};

struct RollCall::Outgoing {
  int to = 0;
  Message message{};
  MPI_Request request = MPI_REQUEST_NULL;

  [[nodiscard]] bool sent() {
    int flag = 0;
    return MPI_Test(&request, &flag, MPI_STATUS_IGNORE) == MPI_SUCCESS && flag != 0;
  }
};

RollCall::RollCall(int rank, int size, milliseconds first)
    : rank_(rank), size_(size), first_(first), heard_(static_cast<std::size_t>(size)) {
  for (int to = 0; to < std::min(size, kListeners); ++to) {
    if (to == rank) continue;
    outgoing_.push_back(std::make_unique<Outgoing>());
    outgoing_.back()->to = to;
  }
}

RollCall::~RollCall() {
  int finalised = 0;
  MPI_Finalized(&finalised);
  if (finalised != 0) return;
  for (auto& each : outgoing_) {
    if (!each->sent()) static_cast<void>(each.release());  // MPI may still read the message
  }
}

template <typename Start>
void RollCall::wait_for(Start&& start) {
  begin();
  MPI_Request request = MPI_REQUEST_NULL;
  int code = start(&request);
  const bool met = poll_until(Clock::time_point::max(), milliseconds(1), [&] {
    int done = 0;
    if (code == MPI_SUCCESS) code = MPI_Test(&request, &done, MPI_STATUS_IGNORE);
    if (done == 0) poll();
    return done != 0 || code != MPI_SUCCESS;
  });
  end();
  if (!met || code != MPI_SUCCESS) throw CommError(rank_, "start", "MPI cannot connect the ranks");
}

void RollCall::meet() {
  wait_for([](MPI_Request* request) { return MPI_Ibarrier(MPI_COMM_WORLD, request); });
  using Name = std::array<char, 128>;  // ends with 0
  Name mine{};
  process_name().copy(mine.data(), mine.size() - 1);
  std::vector<Name> all(static_cast<std::size_t>(size_));
  wait_for([&](MPI_Request* request) {
    return MPI_Iallgather(mine.data(), sizeof(Name), MPI_BYTE, all.data(), sizeof(Name), MPI_BYTE,
                          MPI_COMM_WORLD, request);
  });
  const std::lock_guard lock(mutex_);
  for (const Name& name : all) names_.emplace_back(name.data());
}

void RollCall::begin() {
  receive();
  const std::lock_guard lock(mutex_);
  ++turn_;
  waits_ = true;
  waits_since_ = Clock::now();
  gap_ = first_;
  next_receive_ = waits_since_ + first_ / 2;
  next_message_ = waits_since_ + first_;
}

void RollCall::end() {
  const std::lock_guard lock(mutex_);
  waits_ = false;
}

void RollCall::poll() {
  const auto now = Clock::now();
  if (now < next_receive_) return;
  receive();
  next_receive_ = now + first_ / 2;
  if (now < next_message_) return;
  send();
  next_message_ = now + gap_;
}

void RollCall::send() {
  gap_ = next_gap(gap_);
  for (auto& each : outgoing_) {
    if (!each->sent()) continue;  // the other rank has not taken the one before
    each->message = {.turn = turn_, .repeated_within = gap_.count()};
    MPI_Isend(&each->message, sizeof(Message), MPI_BYTE, each->to, kTag, MPI_COMM_WORLD,
              &each->request);
  }
}

void RollCall::receive() {
  if (rank_ >= kListeners) return;
  for (;;) {
    int arrived = 0;
    MPI_Status status{};
    if (MPI_Iprobe(MPI_ANY_SOURCE, kTag, MPI_COMM_WORLD, &arrived, &status) != MPI_SUCCESS) return;
    if (arrived == 0) return;
    Message message;
    if (MPI_Recv(&message, sizeof(Message), MPI_BYTE, status.MPI_SOURCE, kTag, MPI_COMM_WORLD,
                 MPI_STATUS_IGNORE) != MPI_SUCCESS) {
      return;
    }
    const std::lock_guard lock(mutex_);
    heard_.at(static_cast<std::size_t>(status.MPI_SOURCE)) = {
        .turn = message.turn,
        .silent_from = Clock::now() + 2 * milliseconds(message.repeated_within)};
  }
}

std::string RollCall::absent() const {
  const std::lock_guard lock(mutex_);
  const auto now = Clock::now();
  // Ranks that arrived together send their first messages at about the same time.
  if (rank_ >= kListeners || !waits_ || now - waits_since_ < 2 * first_) return {};
  std::vector<std::string> absent;
  for (int r = 0; r < size_; ++r) {
    const Heard& heard = heard_.at(static_cast<std::size_t>(r));
    if (r == rank_ || (heard.turn >= turn_ && now < heard.silent_from)) continue;
    const std::string name =
        names_.empty() ? "" : " (" + names_.at(static_cast<std::size_t>(r)) + ")";
    absent.push_back(
        "rank " + std::to_string(r) + name +
        (heard.turn >= turn_ ? " arrived, but has been silent since" : " has not arrived"));
  }
  return first_few(absent);
}

}  // namespace incipit::comm
