// Preprocesses a record before anything else sees it, where a template is not enough.
//
// record, for ReCoRD's {passage: {text, entities: [{start, end}]}, qas: [{query, answers}]}:
//   passage.clean   the text with its "@highlight" lines turned into sentences, as T5 does
//   passage.names   the distinct texts of the entities, sorted by code point. `end` is the last
//                   code point of an entity, not the one after it
//   passage.list    the same as one string, joined by ", "
//   qas.N.before    the query up to "@placeholder", without a space at its end
//   qas.N.gap       that space, or nothing
//   qas.N.after     the rest of the query
//   qas.N.answers   the distinct texts of the right answers, sorted; unchanged if there is none
//
// wsc, for {text, target: {span1_text, span1_index, span2_text, span2_index}}. The spans are found
// by their text, because an index sometimes counts the words of another tokenization:
//   wsc.marked      the text with its pronoun as *pronoun*, followed by a space, as T5 does
//   wsc.replaced    the text with the referent in the pronoun's place
//   wsc.before, wsc.pronoun, wsc.after   the text in three parts
//   wsc.referent    span1_text as it appears in the text: case, white space, and no full stop at
//                   its end, as in the corrected copy of the data that T5 used
//
// answers, for {better, worse}, and for {target_scores: {ANSWER: SCORE, ...}} or a list `examples`
// of such objects, as the tasks of BIG-bench have it:
//   answers         the answers to choose from: better and worse, or those that have a score
//   right           the better one, or those with the highest score
//   examples.N.answers, examples.N.right   the same for every element of `examples`
#pragma once

#include "data/record.h"
#include "data/task_options.h"

namespace incipit::data {

// Adds these fields, replacing fields of the same names. Throws DataError with file and line on a
// record of another form, an entity outside its passage, a query without "@placeholder", and a
// pronoun that the text does not contain near its index.
void preprocess(Preprocess kind, Record& record);

}  // namespace incipit::data
