#include "tests/support/operators.h"

#include <ATen/core/Tensor.h>
#include <ATen/record_function.h>

#include <memory>
#include <string_view>

namespace incipit::testing {
namespace {

thread_local std::multiset<std::string> names;
thread_local int matmuls = 0;  // that are being called: what they call is theirs

std::string name_of(const at::RecordFunction& call) {
  if (call.name() != std::string_view("aten::copy_")) return call.name();
  const at::Tensor to = call.inputs()[0].toTensor();
  const at::Tensor from = call.inputs()[1].toTensor();
  const bool same = to.scalar_type() == from.scalar_type() && to.is_contiguous() &&
                    from.is_contiguous() && to.sizes() == from.sizes();
  return same ? "aten::copy_" : "aten::copy_ of other numbers";
}

std::unique_ptr<at::ObserverContext> begin(const at::RecordFunction& call) {
  if (matmuls == 0) names.insert(name_of(call));
  if (is_matmul(call.name())) ++matmuls;
  return nullptr;
}

void end(const at::RecordFunction& call, at::ObserverContext* /*context*/) {
  if (is_matmul(call.name())) --matmuls;
}

}  // namespace

std::multiset<std::string> operators_of(const std::function<void()>& work) {
  names.clear();
  const at::CallbackHandle handle =
      at::addThreadLocalCallback(at::RecordFunctionCallback(begin, end).needsInputs(true));
  work();
  at::removeCallback(handle);
  const std::set<std::string> free{
      "aten::empty",          "aten::empty_strided", "aten::empty_like", "aten::narrow",
      "aten::slice",          "aten::view",          "aten::t",          "aten::transpose",
      "aten::select",         "aten::unflatten",     "aten::flatten",    "aten::as_strided",
      "aten::squeeze",        "aten::reshape",       "aten::detach",     "aten::unsqueeze",
      "aten::_reshape_alias", "aten::resolve_conj",  "aten::expand"};
  std::erase_if(names, [&](const std::string& name) { return free.contains(name); });
  return names;
}

bool is_matmul(const std::string& name) {
  // oneDNN's operator is the matmul of the CPU.
  return name == "aten::mm" || name == "aten::addmm_" || name == "mkldnn::_linear_pointwise";
}

}  // namespace incipit::testing
