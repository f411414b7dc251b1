"""Problem: the sum type of what can be computed. Everything that is asked of any problem is asked of each kind alike.

That are `steps`, `channels`, `filters`, `out_filters`, `channels_last`, `dtype`, `format`, `item_bytes`; `epilogue`,
`bias`, `activation`; `kernel_shape`, `kernel_names`, `stages`, `stage_weights`; `in_shape`, `out_shape`, `out_steps`,
`pads`, `past`, `reach`, `stride`, `up`, `phases`, `walk`, `receptive_field`; `terms`, `products`, `macs`;
`with_epilogue`, `at_length`, `inside`, `in_layout`; `told`, its name in a sentence. What only one kind has is read by
the algorithms that serve this kind alone (`Algorithm.problems`), so that a further kind is a class, a word in the union
below, and the record of an algorithm.
"""

from __future__ import annotations

from typing import TypeAlias

from codegen.problem.chain import Chain
from codegen.problem.conv_problem import ConvProblem

__all__ = ["Chain", "ConvProblem", "Problem"]

Problem: TypeAlias = ConvProblem | Chain
