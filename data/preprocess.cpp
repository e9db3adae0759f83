#include "data/preprocess.h"

#include "data/preprocess_answers.h"
#include "data/preprocess_record.h"
#include "data/preprocess_wsc.h"

namespace incipit::data {

void preprocess(Preprocess kind, Record& record) {
  switch (kind) {
    case Preprocess::kNone:
      return;
    case Preprocess::kRecord:
      preprocess_record(record);
      return;
    case Preprocess::kWsc:
      preprocess_wsc(record);
      return;
    case Preprocess::kAnswers:
      preprocess_answers(record);
      return;
  }
}

}  // namespace incipit::data
