"""Log-likelihoods of candidates with transformers, in three ways that know nothing of Incipit.

A question is {"line": n, "source": [id, ...], "candidates": [[id, ...], ...]}; a result is a list, by
question, of the summed log-likelihoods of its candidates.
"""
import copy
import itertools

import torch

PADDING = 2


def pad(rows):
    """Ids and mask of sequences of different lengths, padded at the end."""
    length = max(map(len, rows))
    ids = torch.full((len(rows), length), PADDING)
    mask = torch.zeros(len(rows), length, dtype=torch.long)
    for i, row in enumerate(rows):
        ids[i, :len(row)] = torch.tensor(row)
        mask[i, :len(row)] = 1
    return ids, mask


def plain(model, questions, batch_size):
    """The usual loop: every candidate after its source is a row of a padded batch, and the whole batch
    goes through the softmax."""
    return in_padded_batches(model, questions, batch_size, lambda logits: logits.float().log_softmax(-1),
                             lambda table: table)


def trimmed(model, questions, batch_size):
    """The same loop with the softmax where a candidate is predicted, and nowhere else."""
    return in_padded_batches(model, questions, batch_size, lambda logits: logits,
                             lambda table: table.float().log_softmax(-1))


@torch.no_grad()
def in_padded_batches(model, questions, batch_size, of_batch, of_candidate):
    rows = [(question["source"], candidate)
            for question in questions for candidate in question["candidates"]]
    sums = []
    for start in range(0, len(rows), batch_size):
        batch = rows[start:start + batch_size]
        ids, mask = pad([source + candidate for source, candidate in batch])
        table = of_batch(model(input_ids=ids, attention_mask=mask).logits)
        for i, (source, candidate) in enumerate(batch):
            first = len(source) - 1  # each token is predicted at the position before it
            found = of_candidate(table[i, first:first + len(candidate)])
            sums.append(found.gather(-1, torch.tensor(candidate)[:, None]).sum().item())
    return by_question(questions, sums)


@torch.no_grad()
def cached(model, questions):
    """The examples of a line together: what they all begin with runs once, and its keys and values
    are given to the rest, a padded batch of what is left of each."""
    sums = []
    for _, group in itertools.groupby(questions, key=lambda question: question["line"]):
        rows = [(question["source"], candidate)
                for question in group for candidate in question["candidates"]]
        sums += behind_shared(model, rows)
    return by_question(questions, sums)


def common_length(sequences):
    length = 0
    for ids in zip(*sequences):
        if len(set(ids)) > 1:
            break
        length += 1
    return length


def behind_shared(model, rows):
    whole = [source + candidate for source, candidate in rows]
    # At least the first token of every candidate is predicted after the shared part.
    shared = min(common_length(whole), min(len(source) for source, _ in rows))
    out = model(input_ids=torch.tensor([whole[0][:shared]]), use_cache=True, logits_to_keep=1)
    first = out.logits[0, -1].float().log_softmax(-1)
    tails = [ids[shared:-1] for ids in whole]
    table = None
    if max(map(len, tails)) > 0:
        ids, mask = pad([tail or [PADDING] for tail in tails])
        cache = copy.deepcopy(out.past_key_values)
        cache.batch_repeat_interleave(len(rows))
        mask = torch.cat([torch.ones(len(rows), shared, dtype=torch.long), mask], dim=1)
        table = model(input_ids=ids, attention_mask=mask,
                      past_key_values=cache).logits.float().log_softmax(-1)
    sums = []
    for i, (source, candidate) in enumerate(rows):
        at = len(source) - shared  # the candidate's first token, counted from the shared part's end
        found = [first[token] if at + k == 0 else table[i, at + k - 1, token]
                 for k, token in enumerate(candidate)]
        sums.append(float(sum(found)))
    return sums


def by_question(questions, sums):
    values = iter(sums)
    return [[next(values) for _ in question["candidates"]] for question in questions]
