#include "launcher/search_dir.h"

#include "core/stop_request.h"
#include "launcher/journal_file.h"
#include "launcher/run_dir.h"
#include "launcher/run_lock.h"

namespace incipit::launcher {

void open_search_dir(const Session& session, const std::filesystem::path& dir,
                     const std::string& journal, const std::string& identity,
                     const std::string& command) {
  if (!session.is_rank_zero()) return;
  lock_run_dir(dir, LockFile::kExisting);
  if (!JournalFile::is_of(dir / journal, identity)) {
    make_run_dir(dir);
    describe_run(dir, configs::resolved_yaml(session.config), manifest(session, command));
  }
  lock_run_dir(dir, LockFile::kCreate);
}

void leave_if_stopped(const Session& session) {
  if (session.world().all_reduce_max(stop_requested() ? 1 : 0, "stop request") == 0) return;
  throw Stopped("a signal ended the search; start it again to continue");
}

}  // namespace incipit::launcher
