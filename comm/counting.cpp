#include "comm/counting.h"

#include <algorithm>
#include <utility>

#include "core/check.h"

namespace incipit::comm {
namespace {

// Returns the number of ranks along `over`, and the rank's number among them.
LocalRank place_along(MeshDimensions over, const MeshShape& shape, const MeshPosition& position) {
  LocalRank place;
  const auto add = [&](MeshDimensions dimension, int size, int index) {
    if (!over.contains(dimension)) return;
    place.rank = place.rank * size + index;
    place.size *= size;
  };
  add(kData, shape.data, position.data);
  add(kFsdp, shape.fsdp, position.fsdp);
  add(kPipeline, shape.pipeline, position.pipeline);
  add(kTensor, shape.tensor, position.tensor);
  return place;
}

class CountingCommunicator final : public Communicator {
 public:
  CountingCommunicator(MeshDimensions over, const MeshShape& shape, const MeshPosition& position,
                       std::string name, std::shared_ptr<CommContext> context, SentBytes& count)
      : Communicator(place_along(over, shape, position).rank,
                     place_along(over, shape, position).size, std::move(name), std::move(context)),
        over_(over),
        shape_(shape),
        position_(position),
        count_(count) {}
  [[nodiscard]] std::string_view backend() const noexcept override { return "counting"; }
  [[nodiscard]] bool accepts_device_memory() const noexcept override { return true; }

 private:
  void add(const Collective& call, double bytes, bool overlaps = false) const {
    count_.add({over_, call.purpose.name(), overlaps, bytes});
  }
  [[nodiscard]] double others() const { return static_cast<double>(size() - 1); }
  void add_all_reduce(const Collective& call, std::size_t bytes) const {
    add(call, 2 * others() / size() * static_cast<double>(bytes));
  }

  void do_all_reduce(Elements values, Reduction /*how*/, const Collective& call) override {
    add_all_reduce(call, values.count * values.element_size());
  }
  void do_all_reduce(std::span<BFloat16> values, const Collective& call) override {
    add_all_reduce(call, values.size_bytes());
  }
  void do_all_reduce(std::span<const std::span<float>> parts, const Collective& call) override {
    for (const auto part : parts) add_all_reduce(call, part.size_bytes());
  }
  void do_broadcast(std::span<std::byte> bytes, int /*root*/, const Collective& call) override {
    add(call, size() > 1 ? static_cast<double>(bytes.size()) : 0);
  }
  void do_all_gather(std::span<const std::byte> mine, std::span<std::byte> /*all*/,
                     const Collective& call) override {
    add(call, others() * static_cast<double>(mine.size()));
  }
  std::unique_ptr<Pending::Started> do_start_all_gather(std::span<const std::byte> mine,
                                                        std::span<std::byte> /*all*/,
                                                        const Collective& call) override {
    class Done final : public Pending::Started {
      void wait() override {}
    };
    add(call, others() * static_cast<double>(mine.size()), /*overlaps=*/true);
    return std::make_unique<Done>();
  }
  void do_reduce_scatter(std::span<const float> /*all*/, std::span<float> mine,
                         const Collective& call) override {
    add(call, others() * static_cast<double>(mine.size_bytes()));
  }
  void do_barrier(const Collective& /*call*/) override {}
  // A Mesh names a communicator by its dimensions, which determine its ranks.
  std::unique_ptr<Communicator> do_split(int /*color*/, int /*key*/, std::string name,
                                         const Collective& /*call*/) override {
    for (unsigned bits = 0; bits < MeshDimensions::kSubsets; ++bits) {
      const MeshDimensions over = MeshDimensions::from_bits(bits);
      if (over.name() != name) continue;
      return std::make_unique<CountingCommunicator>(over, shape_, position_, std::move(name),
                                                    shared_context(), count_);
    }
    INCIPIT_CHECK(false, "no dimensions of a mesh: ", name);
    return nullptr;
  }
  void do_send(std::span<const std::byte> bytes, int /*to*/, int /*tag*/,
               const Collective& call) override {
    add(call, static_cast<double>(bytes.size()));
  }
  void do_recv(std::span<std::byte> /*bytes*/, int /*from*/, int /*tag*/,
               const Collective& /*call*/) override {}
  void do_exchange(std::span<const std::byte> to_peer, std::span<std::byte> /*from_peer*/,
                   int /*peer*/, int /*tag*/, const Collective& call) override {
    add(call, static_cast<double>(to_peer.size()));
  }
  LocalRank do_local_rank(const Collective& /*call*/) override { return {rank(), size()}; }

  MeshDimensions over_;
  MeshShape shape_;
  MeshPosition position_;
  SentBytes& count_;
};

}  // namespace

void SentBytes::add(const Sent& sent) {
  if (sent.bytes == 0) return;
  const auto same = std::find_if(all_.begin(), all_.end(), [&](const Sent& other) {
    return other.over == sent.over && other.purpose == sent.purpose &&
           other.overlaps == sent.overlaps;
  });
  if (same == all_.end()) {
    all_.push_back(sent);
  } else {
    same->bytes += sent.bytes;
  }
}

std::unique_ptr<Communicator> make_counting(const MeshShape& shape, int rank, SentBytes& count) {
  MeshDimensions real;  // as Mesh: dimensions of size 1 are ignored
  if (shape.data > 1) real = real | kData;
  if (shape.fsdp > 1) real = real | kFsdp;
  if (shape.pipeline > 1) real = real | kPipeline;
  if (shape.tensor > 1) real = real | kTensor;
  return std::make_unique<CountingCommunicator>(real, shape, position_of(rank, shape), "world",
                                                std::make_shared<CommContext>(), count);
}

}  // namespace incipit::comm
