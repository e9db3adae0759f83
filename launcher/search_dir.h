// The run directory of a search that a stopped search continues in.
#pragma once

#include <filesystem>
#include <string>

#include "launcher/session.h"

namespace incipit::launcher {

// Locks `dir` and prepares it for the search `identity`, whose journal is the file `journal` in it.
// A directory with that journal is kept; any other is moved away as in make_run_dir(). Does nothing
// on ranks other than 0. `command` names the program's command in the manifest. Throws DataError
// naming the folder.
void open_search_dir(const Session& session, const std::filesystem::path& dir,
                     const std::string& journal, const std::string& identity,
                     const std::string& command);

// Throws Stopped, on every rank, if a stop was requested on any rank. Collective over the mesh.
void leave_if_stopped(const Session& session);

}  // namespace incipit::launcher
