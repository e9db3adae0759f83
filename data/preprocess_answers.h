// See data/preprocess.h.
#pragma once

#include "data/record.h"

namespace incipit::data {

void preprocess_answers(Record& record);

}  // namespace incipit::data
