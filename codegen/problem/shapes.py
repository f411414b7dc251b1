"""What every kind of problem answers alike, from its channels and lengths: shapes of arrays, the format of numbers."""

from __future__ import annotations

from typing import Protocol

from codegen.functions.activations import Activation
from codegen.numbers import formats
from codegen.numbers.formats import Format
from codegen.problem.epilogue import Epilogue, Operand
from codegen.problem.stages import Bias, activation


class Lengths(Protocol):
    """What the shapes are made of."""

    @property
    def steps(self) -> int | None: ...
    @property
    def known_steps(self) -> int: ...
    @property
    def channels(self) -> int: ...
    @property
    def out_filters(self) -> int: ...
    @property
    def filters(self) -> int: ...
    @property
    def epilogue(self) -> Epilogue: ...
    @property
    def channels_last(self) -> bool: ...
    @property
    def dtype(self) -> str: ...
    def out_steps(self, steps: int) -> int: ...


class Shapes:
    """The part of a problem that follows from its lengths."""

    @property
    def format(self: Lengths) -> Format:
        """The format of input, sums and output, and of the weights as they are computed with."""
        return formats.row(self.dtype)

    @property
    def item_bytes(self: Lengths) -> int:
        return formats.row(self.dtype).bytes

    @property
    def known_steps(self: Lengths) -> int:
        """The input's steps, where what is asked holds for a known length alone, such as a gradient."""
        assert self.steps is not None
        return self.steps

    @property
    def known_outs(self: Lengths) -> int:
        """The output steps there."""
        return self.out_steps(self.known_steps)

    @property
    def bias(self: Lengths) -> bool:
        """Whether the outputs' sums begin with a bias."""
        return any(isinstance(stage, Bias) for stage in self.epilogue.stages)

    @property
    def activation(self: Lengths) -> Activation:
        """The activation among the stages of the outputs' epilogue, LINEAR where there is none."""
        return activation(self.epilogue)

    @property
    def out_filters(self: Lengths) -> int:
        """Filters of y: those that the epilogue leaves."""
        return self.filters // self.epilogue.shares

    def in_shape(self: Lengths, batch: int, steps: int) -> tuple[int, int, int]:
        """The shape of a batch of inputs of `steps` samples."""
        return (batch, steps, self.channels) if self.channels_last else (batch, self.channels, steps)

    def out_shape(self: Lengths, batch: int, steps: int) -> tuple[int, int, int]:
        """The shape of the outputs of a batch of inputs of `steps` samples."""
        outs = self.out_steps(steps)
        return (batch, outs, self.out_filters) if self.channels_last else (batch, self.out_filters, outs)

    def operand_shape(self: Lengths, operand: Operand, batch: int, steps: int) -> tuple[int, ...]:
        """The shape of what a stage of the outputs' epilogue reads, for a batch of inputs of `steps` samples."""
        if operand.lies == "output":
            outs = self.out_steps(steps)
            return (batch, outs, self.filters) if self.channels_last else (batch, self.filters, outs)
        return (operand.numbers(self.filters),)

    @property
    def epilogue_bytes(self: Lengths) -> int:
        """The bytes of all weights of the outputs' epilogue."""
        return sum(
            operand.numbers(self.filters) * formats.row(operand.held_in or self.dtype).bytes
            for operand in self.epilogue.weights
        )

    @property
    def epilogue_numbers(self: Lengths) -> int:
        """The numbers of all weights of the outputs' epilogue."""
        return sum(operand.numbers(self.filters) for operand in self.epilogue.weights)
