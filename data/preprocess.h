// What is done to a record before anything else sees it, where a template is not enough: fields
// are added to it.
#pragma once

#include "data/record.h"
#include "data/task_options.h"

namespace incipit::data {

// `record`: nobody else has a copy of it. Throws DataError.
void preprocess(Preprocess kind, Record& record);

}  // namespace incipit::data
