#include "launcher/nearest_examples.h"

#include "core/log.h"
#include "eval/nearest_shots.h"

namespace incipit::launcher {

void show_nearest_examples(Session& session) {
  const model::Backbone& backbone = *session.backbone;
  const std::int64_t batch_tokens = session.config.eval.batch_tokens;
  comm::Communicator& ranks = session.mesh->batch();
  for (data::LoadedTask& loaded : session.tasks) {
    const data::Task& task = *loaded.task;
    if (!data::shows_nearest(task.options())) continue;
    data::Splits& splits = loaded.splits;
    const eval::ShotPool pool =
        eval::make_shot_pool(backbone, task, splits.shot_pool, batch_tokens, ranks);
    for (data::Dataset* split : {&splits.validation, &splits.test}) {
      if (split->empty()) continue;
      *split = eval::with_nearest_shots(backbone, task, *split, pool, loaded.prompt_rows,
                                        batch_tokens, ranks);
    }
    log::info("{}: every input shows the {} nearest of {} training examples", loaded.name,
              task.options().shots, splits.shot_pool.size());
  }
}

}  // namespace incipit::launcher
