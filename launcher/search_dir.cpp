#include "launcher/search_dir.h"

#include "core/log.h"
#include "core/sha256.h"
#include "core/stop_request.h"
#include "launcher/journal_file.h"
#include "launcher/run_dir.h"
#include "launcher/run_lock.h"

namespace incipit::launcher {

std::string search_identity(const Session& session, configs::RunConfig config,
                            const std::string& more,
                            std::initializer_list<const data::Dataset*> examples) {
  const configs::RunConfig standard;
  config.run.name = config.run.output_dir = "";
  config.parallel = standard.parallel;
  config.metrics = standard.metrics;
  config.log = standard.log;
  config.train = standard.train;
  config.eval = standard.eval;
  std::string text = configs::resolved_yaml(config) + session.headers_sha256 + more;
  for (const data::Dataset* each : examples) text += ":" + std::to_string(each->fingerprint());
  return sha256_hex(std::as_bytes(std::span(text)));
}

std::filesystem::path open_search_dir(const Session& session, const std::filesystem::path& dir,
                                      const std::string& command, const std::string& identity) {
  const std::filesystem::path journal = dir / (command + ".jsonl");
  if (!session.is_rank_zero()) return journal;
  lock_run_dir(dir, LockFile::kExisting);
  if (!JournalFile::is_of(journal, {"search", identity})) {
    make_run_dir(dir);
    describe_run(dir, configs::resolved_yaml(session.config), manifest(session, command));
  }
  lock_run_dir(dir, LockFile::kCreate);
  return journal;
}

void begin_search(const std::filesystem::path& journal, std::size_t resumed) {
  on_stop_signal(OnSignal::kStop);
  if (resumed == 0) return;
  log::info("{}: {} steps of the search are there already", journal.string(), resumed);
}

void leave_if_stopped(const Session& session) {
  if (session.world().all_reduce_max(stop_requested() ? 1 : 0, "stop request") == 0) return;
  throw Stopped("a signal ended the search; start it again to continue");
}

}  // namespace incipit::launcher
