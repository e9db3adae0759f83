// Records which operators of libtorch a function calls.
#pragma once

#include <functional>
#include <set>
#include <string>

namespace incipit::testing {

// Runs `work` and returns the operators of libtorch that it calls in this thread, except for views
// and allocations, which start nothing on a device, and for what matmuls call. A copy that changes
// the dtype or the order of the numbers in memory is "aten::copy_ of other numbers"; other copies
// are "aten::copy_".
[[nodiscard]] std::multiset<std::string> operators_of(const std::function<void()>& work);

// Whether an operator is a matmul of one of libtorch's libraries.
[[nodiscard]] bool is_matmul(const std::string& name);

}  // namespace incipit::testing
