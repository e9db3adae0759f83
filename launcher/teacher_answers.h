// The answers that the teacher of a context distillation (launcher/distillation.h) writes to the
// questions of a run.
//
// RUN_DIR/answers.jsonl has a hash of what the answers depend on, {"inputs": "..."}, and then a
// line for each example: {"split": "train", "line": 1, "tokens": [...], "text": "..."}. It grows
// while the teacher answers, so that a stopped run continues after the last line.
#pragma once

#include "eval/teacher.h"
#include "launcher/session.h"

namespace incipit::launcher {

// Sets the target of every example of the session's splits to an answer: that of
// RUN_DIR/answers.jsonl, or one that the model generates under the long prompt and rank 0 appends
// to the file. A file of other inputs is replaced; if the run `resumes`, it is a ConfigError.
// Throws DataError where an answer is empty or the file cannot be written, and Stopped, whose
// message says how many answers there are. Collective over the mesh.
void set_answers(Session& session, const eval::Teacher& teacher, bool resumes);

}  // namespace incipit::launcher
