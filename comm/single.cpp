#include "comm/single.h"

#include <algorithm>
#include <utility>

#include "core/check.h"

namespace incipit::comm {
namespace {

class SingleCommunicator final : public Communicator {
 public:
  SingleCommunicator(std::string name, std::shared_ptr<CommContext> context)
      : Communicator(0, 1, std::move(name), std::move(context)) {}
  [[nodiscard]] std::string_view backend() const noexcept override { return "single"; }

 private:
  void do_all_reduce(Elements, Reduction, const Collective&) override {}
  void do_all_reduce(std::span<BFloat16>, const Collective&) override {}
  void do_all_reduce(std::span<const std::span<float>>, const Collective&) override {}
  void do_broadcast(std::span<std::byte>, int, const Collective&) override {}
  void do_all_gather(std::span<const std::byte> mine, std::span<std::byte> all,
                     const Collective&) override {
    std::copy(mine.begin(), mine.end(), all.begin());
  }
  void do_reduce_scatter(std::span<const float> all, std::span<float> mine,
                         const Collective&) override {
    std::copy(all.begin(), all.end(), mine.begin());
  }
  void do_barrier(const Collective&) override {}
  std::unique_ptr<Communicator> do_split(int, int, std::string name, const Collective&) override {
    return make_single(std::move(name), shared_context());
  }
  void do_send(std::span<const std::byte>, int, int, const Collective&) override {
    INCIPIT_CHECK(false, "send needs another rank; this communicator has one");
  }
  void do_recv(std::span<std::byte>, int, int, const Collective&) override {
    INCIPIT_CHECK(false, "recv needs another rank; this communicator has one");
  }
  void do_exchange(std::span<const std::byte>, std::span<std::byte>, int, int,
                   const Collective&) override {
    INCIPIT_CHECK(false, "exchange needs another rank; this communicator has one");
  }
  LocalRank do_local_rank(const Collective&) override { return {0, 1}; }
};

}  // namespace

std::unique_ptr<Communicator> make_single(std::string name, std::shared_ptr<CommContext> context) {
  return std::make_unique<SingleCommunicator>(std::move(name), std::move(context));
}

}  // namespace incipit::comm
