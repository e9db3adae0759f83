// The run directory of a search, with a journal from which a stopped search continues.
#pragma once

#include <cstddef>
#include <filesystem>
#include <initializer_list>
#include <string>

#include "data/dataset.h"
#include "launcher/session.h"

namespace incipit::launcher {

// Returns a hash of all that a search depends on: `config`, in which the command has reset what
// does not matter to it, the model, `more` and the examples. Blocks of the configuration that only
// other commands read do not count.
[[nodiscard]] std::string search_identity(const Session& session, configs::RunConfig config,
                                          const std::string& more,
                                          std::initializer_list<const data::Dataset*> examples);

// Locks `dir`, prepares it for the search `identity` of the program's command `command`, and
// returns the path of its journal, COMMAND.jsonl. A directory with that journal is kept; any other
// is moved away as in make_run_dir(). Ranks other than 0 only return the path. Throws DataError
// naming the folder.
std::filesystem::path open_search_dir(const Session& session, const std::filesystem::path& dir,
                                      const std::string& command, const std::string& identity);

// From here on a signal stops the search where leave_if_stopped() is called; before, it ended the
// process. `resumed`: the entries that the journal had.
void begin_search(const std::filesystem::path& journal, std::size_t resumed);

// Throws Stopped, on every rank, if a stop was requested on any rank. Collective over the mesh.
void leave_if_stopped(const Session& session);

}  // namespace incipit::launcher
