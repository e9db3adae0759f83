#include "methods/backbone_info.h"

#include "core/log.h"

namespace incipit::methods {

void warn_of_other_weights(const BackboneInfo& made_for, const BackboneInfo& at_hand,
                           const std::filesystem::path& path) {
  const std::string& theirs = made_for.weights_fingerprint;
  const std::string& ours = at_hand.weights_fingerprint;
  if (theirs.empty() || ours.empty() || theirs == ours) return;
  log::warn(
      "{}: was trained with other weights ({}, fingerprint {}...) than the model at hand ({}, "
      "fingerprint {}...); expect it to work worse",
      path.string(), made_for.name, theirs.substr(0, 12), at_hand.name, ours.substr(0, 12));
}

}  // namespace incipit::methods
