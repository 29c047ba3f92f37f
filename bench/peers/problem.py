"""What a peer is asked to compute: token prefixes, spans and pictures, no tokenizer involved."""

from dataclasses import dataclass, field
from typing import List, Optional, Tuple

from weights_hash import hash32


@dataclass
class Branch:
    tokens: List[int]                                   # everything before the denoised span (understanding: the whole prompt)
    spans: List[Tuple[int, int]] = field(default_factory=list)   # clean images inside `tokens`: (offset, length), time token first
    sources: list = field(default_factory=list)         # their pictures, (3, H, W) tensors


@dataclass
class Problem:
    height: int
    width: int
    span: int                                           # tokens of the denoised span
    branches: List[Branch]                              # conditional first
    padded: int = 0                                     # the official way's fixed length
    clean: Optional[object] = None                      # reconstruct: the picture whose embeddings replace the pads


# Prompt lengths of the timed problems, in tokens. A prefix is bos + prompt + boi, so 73 gives 75 cached tokens and 1100
# keys at 512x512; 200 is about what the long default negative prompt takes.
PROMPT, NEGATIVE, INSTRUCTION, EDIT_NEGATIVE, QUESTION = 73, 200, 24, 100, 40


def words(count, seed):
    """Token ids that are plain vocabulary, from the weights' hash: the same in every language."""
    return [hash32(seed, i) % 150000 for i in range(count)]


def fitted(problem, config):
    """Ids folded into a smaller vocabulary, for trying the programs out on a small model; nothing changes at 7B."""
    for branch in problem.branches:
        branch.tokens = [token % config.vocab for token in branch.tokens]
    return problem


def text_to_image(config, height, width, padded):
    span = config.span(height, width)
    boi = 151652
    return fitted(Problem(height, width, span, [Branch([151644] + words(PROMPT, 1) + [boi]),
                                                Branch([151644] + words(NEGATIVE, 2) + [boi])], padded), config)


def edit(config, height, width, padded, source):
    span = config.span(height, width)
    branches = []
    for seed, count in ((3, INSTRUCTION), (4, EDIT_NEGATIVE)):
        tokens = [151644, 151652] + [151655] * span + [151653] + words(count, seed) + [151652]
        branches.append(Branch(tokens, [(2, span)], [source]))
    return fitted(Problem(height, width, span, branches, padded), config)


def understand(config, height, width, source):
    span = config.span(height, width)
    tokens = words(14, 5) + [151652] + [151655] * span + [151653] + words(QUESTION, 6)
    return fitted(Problem(height, width, 0, [Branch(tokens, [(15, span)], [source])]), config)
