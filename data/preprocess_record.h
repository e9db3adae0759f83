// See data/preprocess.h.
#pragma once

#include "data/record.h"

namespace incipit::data {

void preprocess_record(Record& record);

}  // namespace incipit::data
