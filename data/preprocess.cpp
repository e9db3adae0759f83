#include "data/preprocess.h"

namespace incipit::data {

void preprocess(Preprocess /*kind*/, Record& /*record*/) {}

}  // namespace incipit::data
