#include "nn/collectives.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>

#include <span>
#include <vector>

#include "comm/gradient_reduction.h"
#include "core/check.h"

namespace incipit::nn {
namespace {

template <typename T>
std::span<T> elements(const at::Tensor& tensor) {
  return {static_cast<T*>(tensor.data_ptr()), static_cast<std::size_t>(tensor.numel())};
}

}  // namespace

void sum_over(comm::Communicator& ranks, at::Tensor values, comm::Operation purpose) {
  if (ranks.size() == 1) return;
  if (!values.is_cpu() && !ranks.accepts_device_memory()) {
    const at::Tensor host = values.cpu();
    sum_over(ranks, host, purpose);
    values.copy_(host);
    return;
  }
  INCIPIT_CHECK(values.is_contiguous());
  switch (values.scalar_type()) {
    case at::kFloat:
      return ranks.all_reduce_sum(elements<float>(values), purpose);
    case at::kDouble:
      return ranks.all_reduce_sum(elements<double>(values), purpose);
    case at::kBFloat16:
      return ranks.all_reduce_sum(elements<comm::BFloat16>(values), purpose);
    default:
      INCIPIT_CHECK(false, "dtype ", toString(values.scalar_type()));
  }
}

void broadcast_from(comm::Communicator& ranks, at::Tensor values, int root,
                    comm::Operation purpose) {
  if (ranks.size() == 1) return;
  if (values.is_cpu() || ranks.accepts_device_memory()) {
    INCIPIT_CHECK(values.is_contiguous());
    return ranks.broadcast(bytes_of(values), root, purpose);
  }
  const at::Tensor host = values.cpu();
  ranks.broadcast(bytes_of(host), root, purpose);
  values.copy_(host);
}

void sum_partial(const comm::Mesh& mesh, std::span<const PartialGradient> gradients) {
  std::vector<at::Tensor> reachable;  // by the communicator
  std::vector<comm::ReducedParameter> sums;
  for (const PartialGradient& each : gradients) {
    const comm::Communicator& ranks = mesh.along(each.partial_over);
    const bool direct =
        ranks.size() == 1 || each.gradient.is_cpu() || ranks.accepts_device_memory();
    reachable.push_back(direct ? each.gradient : each.gradient.cpu());
    INCIPIT_CHECK(reachable.back().is_contiguous() && each.gradient.scalar_type() == at::kFloat);
    sums.push_back({each.name, elements<float>(reachable.back()), each.partial_over});
  }
  comm::reduce_gradients(mesh, sums);
  for (std::size_t i = 0; i < gradients.size(); ++i) {
    at::Tensor gradient = gradients[i].gradient;
    if (!gradient.is_same(reachable[i])) gradient.copy_(reachable[i]);
  }
}

at::Tensor gather_over(comm::Communicator& ranks, const at::Tensor& mine, comm::Operation purpose) {
  if (ranks.size() == 1) return mine.unsqueeze(0);
  const bool on_host = !mine.is_cpu() && !ranks.accepts_device_memory();
  const at::Tensor sent = (on_host ? mine.cpu() : mine).contiguous();
  std::vector<std::int64_t> shape = sent.sizes().vec();
  shape.insert(shape.begin(), ranks.size());
  const at::Tensor all = at::empty(shape, sent.options());
  ranks.all_gather(bytes_of(sent), bytes_of(all), purpose);
  return all.to(mine.device());
}

void add_from_peer(comm::Communicator& ranks, at::Tensor values, int peer,
                   comm::Operation purpose) {
  const bool direct = values.is_cpu() || ranks.accepts_device_memory();
  const at::Tensor mine = direct ? values : values.cpu();
  const at::Tensor theirs = at::empty_like(mine);
  constexpr int kTag = 0;
  ranks.exchange(bytes_of(mine), bytes_of(theirs), peer, kTag, purpose);
  values.add_(theirs.to(values.device()));
}

at::Tensor sum_and_scatter(comm::Communicator& ranks, at::Tensor all, comm::Operation purpose) {
  const std::int64_t rows = all.size(0) / ranks.size();
  if (all.scalar_type() != at::kFloat || (!all.is_cpu() && !ranks.accepts_device_memory())) {
    sum_over(ranks, all, purpose);
    return all.narrow(0, ranks.rank() * rows, rows);
  }
  INCIPIT_CHECK(all.is_contiguous());
  const at::Tensor mine = at::empty({rows, all.size(1)}, all.options());
  ranks.reduce_scatter_sum(elements<float>(all), elements<float>(mine), purpose);
  return mine;
}

}  // namespace incipit::nn
