// Few-shot examples chosen for each input (task.shot_choice: nearest).
#pragma once

#include "launcher/session.h"

namespace incipit::launcher {

// Puts the nearest training examples before every input of the validation and test splits of tasks
// that show them. Collective; throws as eval::with_nearest_shots().
void show_nearest_examples(Session& session);

}  // namespace incipit::launcher
