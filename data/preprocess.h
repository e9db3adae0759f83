// What is done to a record before anything else sees it, where a template is not enough.
//
// record, for ReCoRD's {passage: {text, entities: [{start, end}]}, qas: [{query, answers}]}:
//   passage.clean   the text, its "@highlight" lines made sentences, as T5 has it
//   passage.names   the distinct texts of the entities, sorted by code point. `end` is the last
//                   code point of an entity, not the one behind it
//   passage.list    the same as one text, joined by ", "
//   qas.N.before    the query up to "@placeholder", without a space at its end
//   qas.N.gap       that space, or nothing
//   qas.N.after     the rest of the query
//   qas.N.answers   the distinct texts of the right answers, sorted; as it was where there is none
//
// wsc, for {text, target: {span1_text, span1_index, span2_text, span2_index}}. The spans are looked
// for by their text, since an index counts words of another tokenisation in places:
//   wsc.marked      the text with its pronoun as *pronoun*, set apart from what follows by a space,
//                   as T5 has it
//   wsc.replaced    the text with the referent in the pronoun's place
//   wsc.before, wsc.pronoun, wsc.after   the text in three
//   wsc.referent    span1_text as the text has it: case, white space, and no full stop at its end,
//                   as in the corrected copy of the data that T5 used
#pragma once

#include "data/record.h"
#include "data/task_options.h"

namespace incipit::data {

// Adds these fields; fields of the same names are replaced. Throws DataError with file and line on
// a record of another form, on an entity outside of its passage, a query without "@placeholder" and
// a pronoun that the text does not hold near its index.
void preprocess(Preprocess kind, Record& record);

}  // namespace incipit::data
