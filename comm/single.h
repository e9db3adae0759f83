// A world of one rank: every operation is a copy or does nothing.
#pragma once

#include <memory>
#include <string>

#include "comm/communicator.h"

namespace incipit::comm {

[[nodiscard]] std::unique_ptr<Communicator> make_single(
    std::string name = "world",
    std::shared_ptr<CommContext> context = std::make_shared<CommContext>());

}  // namespace incipit::comm
