#include "tests/support/fake_gpus.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <thread>
#include <utility>

#include "comm/bfloat16.h"
#include "comm/nccl_communicator.h"
#include "comm/threads.h"
#include "tests/support/fake_streams.h"

namespace incipit::testing {
namespace {

using std::chrono::microseconds;

FakeWorld* world = nullptr;  // of the test that is running
thread_local std::vector<std::string> calls;

// An operation of all ranks of a communicator.
struct Meeting {
  std::string what;
  std::vector<const void*> from;
  int arrived = 0, read = 0;
};

// A message between two ranks, until the receiver has it.
struct Message {
  const void* from = nullptr;
  std::size_t bytes = 0;
  bool is_taken = false;
};

using Ends = std::pair<int, int>;  // sender and receiver

struct FakeGroup {
  int size = 0;
  std::map<std::uint64_t, Meeting> meetings{};
  std::map<Ends, std::deque<Message*>> messages{};
  std::map<Ends, unsigned> connected{};  // 1: the sender has called, 2: the receiver
};

struct FakeComm {
  std::shared_ptr<FakeGroup> group;
  int rank = 0;
  std::uint64_t operations = 0;
  std::vector<Ends> connecting{};
};

std::map<std::uint64_t, std::shared_ptr<FakeGroup>> groups;  // by id
std::uint64_t last_id = 0;

FakeComm& comm_of(ncclComm_t comm) { return *reinterpret_cast<FakeComm*>(comm); }
FakeStream& stream_of(cudaStream_t stream) { return *reinterpret_cast<FakeStream*>(stream); }
FakeEvent& event_of(cudaEvent_t event) { return *reinterpret_cast<FakeEvent*>(event); }

// An operation takes a while, not always the same.
void take_a_while() {
  thread_local std::uint32_t count = 0;
  std::this_thread::sleep_for(microseconds((++count * 2654435761U >> 20) % 200));
}

// Operations between ncclGroupStart and ncclGroupEnd, which run at the same time.
struct Grouped {
  int depth = 0;
  cudaStream_t stream = nullptr;
  std::vector<std::function<void()>> work;
};
thread_local Grouped grouped;

void submit(cudaStream_t stream, std::function<void()> work) {
  if (grouped.depth > 0) {
    grouped.stream = stream;
    grouped.work.push_back(std::move(work));
    return;
  }
  const std::lock_guard lock(world->mutex);
  stream_of(stream).add(std::move(work));
}

ncclResult_t end_group() {
  if (--grouped.depth > 0 || grouped.work.empty()) return ncclSuccess;
  submit(grouped.stream, [all = std::exchange(grouped.work, {})] {
    std::vector<std::thread> threads;
    for (const auto& work : all) threads.emplace_back(work);
    for (std::thread& thread : threads) thread.join();
  });
  return ncclInProgress;
}

// Submits an operation of all ranks. When all have arrived, result(contributions of all ranks)
// returns what is written to `to`, once all have read them.
using Result = std::function<std::vector<std::byte>(const std::vector<const void*>&)>;
ncclResult_t submit_collective(const std::string& name, ncclComm_t comm, cudaStream_t stream,
                               const void* from, void* to, std::size_t bytes, Result result) {
  calls.push_back(name);
  FakeComm& mine = comm_of(comm);
  submit(stream, [=, group = mine.group, rank = mine.rank, number = mine.operations++,
                  result = std::move(result)] {
    take_a_while();
    std::unique_lock lock(world->mutex);
    Meeting& meeting = group->meetings[number];
    const std::string what = name + " " + std::to_string(bytes);
    if (meeting.arrived == 0) meeting.what = what;
    if (meeting.what != what) world->stop();
    meeting.from.resize(static_cast<std::size_t>(group->size));
    meeting.from[static_cast<std::size_t>(rank)] = from;
    ++meeting.arrived;
    world->changed.notify_all();
    if (!world->wait(lock, [&] { return meeting.arrived == group->size; })) return;
    lock.unlock();
    const std::vector<std::byte> found = result(meeting.from);
    lock.lock();
    ++meeting.read;
    world->changed.notify_all();
    if (!world->wait(lock, [&] { return meeting.read == group->size; })) return;
    std::copy(found.begin(), found.end(), static_cast<std::byte*>(to));
  });
  return grouped.depth > 0 ? ncclSuccess : ncclInProgress;
}

// Reads elements [begin, begin + count) of every rank and reduces them, in the order of ranks.
template <typename T>
std::vector<std::byte> reduce(const std::vector<const void*>& ranks, std::size_t begin,
                              std::size_t count, ncclRedOp_t how) {
  const auto read = [&](const void* from, std::size_t i) {
    const T& value = static_cast<const T*>(from)[begin + i];
    if constexpr (std::is_same_v<T, comm::BFloat16>) return comm::to_float(value);
    if constexpr (!std::is_same_v<T, comm::BFloat16>) return value;
  };
  std::vector<T> results(count);
  for (std::size_t i = 0; i < count; ++i) {
    auto result = read(ranks.front(), i);
    for (std::size_t r = 1; r < ranks.size(); ++r) {
      const auto next = read(ranks[r], i);
      if (how == ncclSum) result += next;
      if (how == ncclMax) result = std::max(result, next);
      if (how == ncclMin) result = std::min(result, next);
    }
    if constexpr (std::is_same_v<T, comm::BFloat16>) results[i] = comm::to_bfloat16(result);
    if constexpr (!std::is_same_v<T, comm::BFloat16>) results[i] = result;
  }
  const auto bytes = std::as_bytes(std::span(results));
  return {bytes.begin(), bytes.end()};
}

std::vector<std::byte> reduce(const std::vector<const void*>& ranks, std::size_t begin,
                              std::size_t count, ncclDataType_t type, ncclRedOp_t how) {
  switch (type) {
    case ncclFloat32:
      return reduce<float>(ranks, begin, count, how);
    case ncclFloat64:
      return reduce<double>(ranks, begin, count, how);
    case ncclInt64:
      return reduce<std::int64_t>(ranks, begin, count, how);
    case ncclBfloat16:
      return reduce<comm::BFloat16>(ranks, begin, count, how);
    default:
      return {};
  }
}

std::size_t size_of(ncclDataType_t type) {
  if (type == ncclUint8) return 1;
  if (type == ncclBfloat16) return 2;
  return type == ncclFloat32 ? 4 : 8;
}

std::vector<std::byte> copy_of(const void* from, std::size_t bytes) {
  const auto* const begin = static_cast<const std::byte*>(from);
  return {begin, begin + bytes};
}

void add_collectives(comm::NcclApi& api) {
  api.group_start = [] {
    ++grouped.depth;
    return ncclSuccess;
  };
  api.group_end = end_group;
  api.all_reduce = [](const void* from, void* to, std::size_t count, ncclDataType_t type,
                      ncclRedOp_t how, ncclComm_t comm, cudaStream_t stream) {
    return submit_collective("all_reduce", comm, stream, from, to, count * size_of(type),
                             [=](const auto& ranks) { return reduce(ranks, 0, count, type, how); });
  };
  api.reduce_scatter = [](const void* from, void* to, std::size_t count, ncclDataType_t type,
                          ncclRedOp_t how, ncclComm_t comm, cudaStream_t stream) {
    const std::size_t begin = count * static_cast<std::size_t>(comm_of(comm).rank);
    return submit_collective(
        "reduce_scatter", comm, stream, from, to, count * size_of(type),
        [=](const auto& ranks) { return reduce(ranks, begin, count, type, how); });
  };
  api.broadcast = [](const void* from, void* to, std::size_t count, ncclDataType_t type, int root,
                     ncclComm_t comm, cudaStream_t stream) {
    const std::size_t bytes = count * size_of(type);
    return submit_collective("broadcast", comm, stream, from, to, bytes, [=](const auto& ranks) {
      return copy_of(ranks[static_cast<std::size_t>(root)], bytes);
    });
  };
  api.all_gather = [](const void* from, void* to, std::size_t count, ncclDataType_t type,
                      ncclComm_t comm, cudaStream_t stream) {
    const std::size_t bytes = count * size_of(type);
    return submit_collective("all_gather", comm, stream, from, to, bytes, [=](const auto& ranks) {
      std::vector<std::byte> all;
      for (const void* rank : ranks) {
        const std::vector<std::byte> one = copy_of(rank, bytes);
        all.insert(all.end(), one.begin(), one.end());
      }
      return all;
    });
  };
}

// Notes that one side of a transfer has called.
ncclResult_t connect(FakeComm& mine, const Ends& ends, unsigned side) {
  const std::lock_guard lock(world->mutex);
  mine.group->connected[ends] |= side;
  mine.connecting.push_back(ends);
  world->changed.notify_all();
  return grouped.depth > 0 ? ncclSuccess : ncclInProgress;
}

void send(FakeGroup& group, const Ends& ends, Message message) {
  take_a_while();
  std::unique_lock lock(world->mutex);
  group.messages[ends].push_back(&message);
  world->changed.notify_all();
  (void)world->wait(lock, [&] { return message.is_taken; });
}

void receive(FakeGroup& group, const Ends& ends, void* to, std::size_t bytes) {
  take_a_while();
  std::unique_lock lock(world->mutex);
  std::deque<Message*>& messages = group.messages[ends];
  if (!world->wait(lock, [&] { return !messages.empty(); })) return;
  Message& message = *messages.front();
  if (message.bytes != bytes) return world->stop();
  messages.pop_front();
  if (bytes > 0) std::memcpy(to, message.from, bytes);
  message.is_taken = true;
  world->changed.notify_all();
}

void add_transfers(comm::NcclApi& api) {
  api.send = [](const void* from, std::size_t count, ncclDataType_t type, int peer, ncclComm_t comm,
                cudaStream_t stream) {
    calls.emplace_back("send");
    FakeComm& mine = comm_of(comm);
    const Ends ends{mine.rank, peer};
    submit(stream, [=, group = mine.group, bytes = count * size_of(type)] {
      send(*group, ends, {from, bytes});
    });
    return connect(mine, ends, 1);
  };
  api.recv = [](void* to, std::size_t count, ncclDataType_t type, int peer, ncclComm_t comm,
                cudaStream_t stream) {
    calls.emplace_back("recv");
    FakeComm& mine = comm_of(comm);
    const Ends ends{peer, mine.rank};
    submit(stream, [=, group = mine.group, bytes = count * size_of(type)] {
      receive(*group, ends, to, bytes);
    });
    return connect(mine, ends, 2);
  };
}

void add_communicators(comm::NcclApi& api) {
  api.get_unique_id = [](ncclUniqueId* id) {
    const std::lock_guard lock(world->mutex);
    std::memset(id, 0, sizeof(*id));
    ++last_id;
    std::memcpy(id, &last_id, sizeof(last_id));
    return ncclSuccess;
  };
  api.init_rank = [](ncclComm_t* comm, int size, ncclUniqueId id, int rank, ncclConfig_t*) {
    std::uint64_t number = 0;
    std::memcpy(&number, &id, sizeof(number));
    const std::lock_guard lock(world->mutex);
    std::shared_ptr<FakeGroup>& group = groups[number];
    if (!group) group = std::make_shared<FakeGroup>(FakeGroup{.size = size});
    *comm = reinterpret_cast<ncclComm_t>(new FakeComm{.group = group, .rank = rank});
    return ncclSuccess;
  };
  api.get_async_error = [](ncclComm_t comm, ncclResult_t* state) {
    const std::lock_guard lock(world->mutex);
    FakeComm& mine = comm_of(comm);
    std::erase_if(mine.connecting,
                  [&](const Ends& ends) { return mine.group->connected[ends] == 3; });
    *state = mine.connecting.empty() ? ncclSuccess : ncclInProgress;
    if (world->is_stuck) *state = ncclRemoteError;
    return ncclSuccess;
  };
  api.error_string = [](ncclResult_t) { return "the ranks are stuck"; };
  api.last_error = [](ncclComm_t) { return ""; };
  api.finalize = [](ncclComm_t) { return ncclSuccess; };
  api.destroy = [](ncclComm_t comm) {
    delete &comm_of(comm);
    return ncclSuccess;
  };
  api.abort = [](ncclComm_t comm) {
    {
      const std::lock_guard lock(world->mutex);
      world->stop();
    }
    delete &comm_of(comm);
    return ncclSuccess;
  };
}

void add_devices(comm::NcclApi& api) {
  api.device_count = [](int* count) {
    *count = 64;
    return cudaSuccess;
  };
  api.set_device = [](int) { return cudaSuccess; };
  api.pci_bus_id = [](char* text, int size, int device) {
    const std::string id = std::to_string(device);
    id.copy(text, static_cast<std::size_t>(size) - 1);
    text[id.size()] = '\0';
    return cudaSuccess;
  };
  api.cuda_error_string = [](cudaError_t) { return "the ranks are stuck"; };
  api.pointer_attributes = [](cudaPointerAttributes* attributes, const void*) {
    attributes->type = cudaMemoryTypeDevice;
    return cudaSuccess;
  };
  api.stream_create = [](cudaStream_t* stream, unsigned int) {
    *stream = reinterpret_cast<cudaStream_t>(new FakeStream(*world));
    return cudaSuccess;
  };
  api.stream_destroy = [](cudaStream_t stream) {
    delete &stream_of(stream);
    return cudaSuccess;
  };
}

// The null stream is the rank's own thread.
void add_events(comm::NcclApi& api) {
  api.event_create = [](cudaEvent_t* event, unsigned int) {
    const std::lock_guard lock(world->mutex);
    *event = reinterpret_cast<cudaEvent_t>(&world->events.emplace_back());
    return cudaSuccess;
  };
  api.event_destroy = [](cudaEvent_t) { return cudaSuccess; };
  api.event_record = [](cudaEvent_t event, cudaStream_t stream) {
    const std::lock_guard lock(world->mutex);
    FakeEvent& of = event_of(event);
    const std::uint64_t number = ++of.recorded;
    const auto set = [&of, number] {
      of.done = std::max(of.done, number);
      world->changed.notify_all();
    };
    if (stream == nullptr) {
      set();
    } else {
      stream_of(stream).add([set] {
        const std::lock_guard then(world->mutex);
        set();
      });
    }
    return cudaSuccess;
  };
  api.stream_wait_event = [](cudaStream_t stream, cudaEvent_t event, unsigned int) {
    std::unique_lock lock(world->mutex);
    FakeEvent& of = event_of(event);
    const auto is_done = [&of, number = of.recorded] { return of.done >= number; };
    if (stream == nullptr) {
      calls.emplace_back("wait");
      return world->wait(lock, is_done) ? cudaSuccess : cudaErrorLaunchTimeout;
    }
    stream_of(stream).add([is_done] {
      std::unique_lock wait_lock(world->mutex);
      (void)world->wait(wait_lock, is_done);
    });
    return cudaSuccess;
  };
  api.event_query = [](cudaEvent_t event) {
    const std::lock_guard lock(world->mutex);
    return event_of(event).done >= event_of(event).recorded ? cudaSuccess : cudaErrorNotReady;
  };
}

}  // namespace

void run_on_fake_gpus(int ranks, const std::function<void(comm::Communicator&)>& body,
                      std::chrono::seconds patience) {
  FakeWorld here(patience);
  world = &here;
  groups.clear();
  const auto api = std::make_shared<comm::NcclApi>();
  add_collectives(*api);
  add_transfers(*api);
  add_communicators(*api);
  add_devices(*api);
  add_events(*api);
  comm::run_on_threads(ranks,
                       [&](comm::Communicator& threads) {
                         calls.clear();
                         const auto gpus =
                             comm::make_nccl_communicator(threads.split(0, threads.rank(), "world"),
                                                          api, {.device = threads.rank()});
                         body(*gpus);
                       },
                       {.timeout = patience});
}

std::vector<std::string> take_device_calls() { return std::exchange(calls, {}); }

}  // namespace incipit::testing
