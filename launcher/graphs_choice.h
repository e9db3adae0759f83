// Whether the passes of a run use CUDA graphs (`model.cuda_graphs`).
#pragma once

#include "launcher/session.h"

namespace incipit::launcher {

// Throws ConfigError if the configuration wants graphs where they cannot be used: without a GPU, or
// where several ranks have the model together. Call when device and mesh are known.
void check_graphs(const Session& session);

// Gives the session's backbone graphs if the configuration wants them and they can be used. Throws
// ConfigError for `on` if they cannot be loaded.
void choose_graphs(Session& session);

// Logs how many passes graphs computed, if there were any. Rank 0.
void log_graphs(const Session& session);

}  // namespace incipit::launcher
