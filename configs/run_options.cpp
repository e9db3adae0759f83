#include "configs/run_options.h"

#include "core/schema.h"

namespace incipit::configs {

void declare(Schema& schema, RunOptions& o) {
  schema.field("name", o.name, "names the run in logs and metrics; default: the file's name");
  schema.field("output_dir", o.output_dir, "the run directory; default: runs/NAME");
  schema.field("seed", o.seed, "of everything drawn at random");
  schema.field("deterministic", o.deterministic, "same bytes again on a GPU, slower");
}

}  // namespace incipit::configs
