"""Specs: what Keras' arguments may be, what they lower to, and every reason for a refusal."""

from __future__ import annotations

import copy
import pickle
from dataclasses import FrozenInstanceError
from typing import Any

import numpy as np
import pytest

from codegen.errors import GenConvError, SpecError, SpecErrors
from codegen.functions.initializers import GlorotUniform, HeNormal, Zeros
from codegen.functions.registry import Call
from codegen.specs import names
from codegen.specs.kinds import KINDS, Conv1DSpec, DepthwiseConv1DSpec, Spec
from codegen.specs.parameters import parameters


def conv(**given: Any) -> Conv1DSpec:
    return Conv1DSpec(**{"filters": 8, "kernel_size": 3, "input_shape": (98, 40), **given})


def depthwise(**given: Any) -> DepthwiseConv1DSpec:
    return DepthwiseConv1DSpec(**{"kernel_size": 3, "input_shape": (98, 40), **given})


def wrong(**given: Any) -> list[tuple[str, str | None]]:
    """(code, field) of what is wrong."""
    with pytest.raises((SpecError, SpecErrors)) as caught:
        conv(**given)
    error = caught.value
    assert isinstance(error, ValueError)
    assert isinstance(error, GenConvError)
    found = error.diagnostics if isinstance(error, SpecErrors) else [error]
    assert all(one.hint for one in found)
    return [(one.code, one.field) for one in found]


class TestArguments:
    def test_defaults_are_keras(self) -> None:
        spec = Conv1DSpec(filters=8, kernel_size=3)
        assert (spec.strides, spec.padding, spec.data_format, spec.dilation_rate, spec.groups) == (
            1,
            "valid",
            "channels_last",
            1,
            1,
        )
        assert (spec.activation.name, spec.use_bias, spec.trainable, spec.dtype) == ("linear", True, True, "float32")
        assert (spec.kernel_initializer, spec.bias_initializer) == (GlorotUniform(), Zeros())
        assert spec.kernel_regularizer is spec.bias_regularizer is spec.activity_regularizer is None
        assert spec.kernel_constraint is spec.bias_constraint is spec.input_shape is None
        assert (spec.name, DepthwiseConv1DSpec(kernel_size=2).name) == ("conv1d", "depthwise_conv1d")
        assert DepthwiseConv1DSpec(kernel_size=2).depth_multiplier == 1

    def test_none_is_the_default(self) -> None:
        spec = conv(kernel_initializer=None, bias_initializer=None, activation=None, data_format=None, name=None)
        assert spec == conv()

    @pytest.mark.parametrize("name", ["kernel_size", "strides", "dilation_rate"])
    def test_sizes_are_numbers_or_tuples_of_one(self, name: str) -> None:
        for value in (2, (2,), [2], np.int64(2)):
            assert getattr(conv(**{name: value}), name) == 2
            assert type(getattr(conv(**{name: value}), name)) is int
        for value in (0, -1, 2.0, "2", None, True, (2, 2), (), (0,), 2**31 + 1, np.float32(2)):
            assert wrong(**{name: value}) == [("E201", name)]

    @pytest.mark.parametrize("name", ["filters", "groups"])
    def test_counts_are_numbers(self, name: str) -> None:
        assert getattr(conv(**{name: np.int32(4)}), name) == 4
        for value in (0, -3, 4.0, (4,), "4", None, True):
            assert wrong(**{name: value}) == [("E201", name)]

    def test_words_in_any_case(self) -> None:
        assert conv(padding="SAME").padding == "same"
        assert conv(data_format="Channels_First", input_shape=(40, 98)).lower().channels == 40
        assert conv(dtype=np.float64).dtype == conv(dtype=np.dtype("float64")).dtype == "float64"
        assert wrong(padding="full") == [("E203", "padding")]
        assert wrong(data_format="NCW") == [("E203", "data_format")]
        assert wrong(dtype="float16") == wrong(dtype=3) == [("E203", "dtype")]

    def test_explicit_padding(self) -> None:
        assert conv(padding=[1, np.int64(2)]).padding == (1, 2)
        for value in (1, (1,), (1, 2, 3), (-1, 0), (1.0, 1), (True, 1), None):
            assert wrong(padding=value) == [("E205", "padding")]

    def test_truth(self) -> None:
        assert conv(use_bias=np.bool_(False)).use_bias is False
        assert wrong(use_bias=1) == [("E204", "use_bias")]
        assert wrong(trainable="yes") == [("E204", "trainable")]

    def test_input_shape(self) -> None:
        assert conv(input_shape=[None, 40]).input_shape == (None, 40)
        assert (conv(input_shape=(None, 40)).steps, conv().steps) == (None, 98)
        for value in (98, (98,), (None, 98, 40), (98, None), (0, 40), (98, 40.0), "98"):
            assert wrong(input_shape=value) == [("E301", "input_shape")]
        assert wrong(input_shape=(None, 40), data_format="channels_first") == [("E301", "input_shape")]

    def test_values_of_the_tables(self) -> None:
        spec = conv(kernel_initializer=Call("he_normal", (), (("seed", 7),)), activation="relu")
        assert spec.kernel_initializer == HeNormal(seed=7)
        assert wrong(activation="rellu") == [("E230", "activation")]
        assert wrong(kernel_initializer=Call("he_normal", (), (("sed", 7),))) == [("E231", "kernel_initializer")]
        assert wrong(kernel_regularizer=Call("L2", (-1.0,))) == [("E232", "kernel_regularizer")]
        assert wrong(kernel_initializer="identity") == [("E233", "kernel_initializer")]
        assert wrong(bias_constraint=Call("MaxNorm", (), (("axis", 1),))) == [("E233", "bias_constraint")]

    def test_groups_divide(self) -> None:
        assert conv(groups=4).lower().kernel_shape == (3, 10, 8)
        assert wrong(groups=3) == [("E302", "groups")] * 2
        assert wrong(groups=16, filters=16) == [("E302", "groups")]
        assert wrong(groups=5, filters=8) == [("E302", "groups")]

    def test_a_fixed_input_gives_an_output(self) -> None:
        assert conv(input_shape=(3, 40)).lower().out_steps(3) == 1
        assert wrong(input_shape=(2, 40)) == [("E303", "kernel_size")]
        assert wrong(input_shape=(4, 40), dilation_rate=2) == [("E303", "kernel_size")]
        assert conv(input_shape=(2, 40), padding=(0, 1)).lower().out_steps(2) == 1
        assert conv(input_shape=(1, 40), padding="same", dilation_rate=9).lower().out_steps(1) == 1
        assert conv(input_shape=(None, 40), kernel_size=1000).lower().out_steps(999) == 0

    def test_sizes_are_counted_in_31_bits(self) -> None:
        assert wrong(input_shape=(2**20, 2**12)) == [("E306", "kernel_size")]
        assert wrong(input_shape=(None, 2**16), filters=2**16) == [("E306", "kernel_size")]
        assert wrong(input_shape=(None, 1), dilation_rate=2**31) == [("E306", "kernel_size")]
        assert conv(input_shape=(2**18, 2**12)).lower().steps == 2**18

    def test_all_that_is_wrong_at_once(self) -> None:
        found = wrong(filters=0, strides=-1, padding="full", input_shape=(2, 40))
        assert sorted(found) == [("E201", "filters"), ("E201", "strides"), ("E203", "padding")]
        with pytest.raises(SpecErrors) as caught:
            Conv1DSpec()
        assert [one.field for one in caught.value.diagnostics] == ["kernel_size", "filters"]
        assert str(caught.value).count("\n") == 1

    def test_the_message_says_what_was_got_and_what_to_do(self) -> None:
        with pytest.raises(SpecError) as caught:
            conv(filters=-3)
        assert str(caught.value) == (
            "`filters` must be a whole number greater than 0, got -3; "
            "write filters = 1, or another number from 1 to 2**31 [E201]\n"
            "  (Keras: Invalid value for argument `filters`. Expected a strictly positive value. Received filters=-3.)"
        )


class TestValue:
    def test_frozen_hashable_copied_and_pickled(self) -> None:
        spec = conv(activation="relu", kernel_constraint=Call("MaxNorm", (3.0,), (("axis", (0, 1)),)))
        assert pickle.loads(pickle.dumps(spec)) == copy.deepcopy(spec) == spec
        assert len({spec, copy.copy(spec), conv()}) == 2
        with pytest.raises(FrozenInstanceError):
            spec.filters = 3  # type: ignore[misc]

    def test_errors_are_pickled_too(self) -> None:
        for given in ({"filters": 0}, {"filters": 0, "strides": 0}):
            with pytest.raises((SpecError, SpecErrors)) as caught:
                conv(**given)
            again = pickle.loads(pickle.dumps(caught.value))
            assert (type(again), str(again)) == (type(caught.value), str(caught.value))

    @pytest.mark.parametrize("kind", KINDS.values())
    def test_a_parameter_is_described_once_and_wholly(self, kind: type[Spec]) -> None:
        known = parameters(kind)
        assert all(one.doc.endswith(".") for one in known.values())
        words = [word for one in known.values() for word in one.also]
        assert len(set(words)) == len(words)
        assert not set(words) & set(known)
        assert kind.__name__ == f"{kind.keras}Spec"

    def test_build_fills_the_shape_in(self) -> None:
        spec = Conv1DSpec(filters=8, kernel_size=3)
        for ask in (spec.lower, spec.weight_shapes):
            with pytest.raises(SpecError, match=r"E202"):
                ask()
        built = spec.build((None, 40))
        assert isinstance(built, Conv1DSpec)
        assert built == conv(input_shape=(None, 40))
        with pytest.raises(SpecError, match="E302"):
            Conv1DSpec(filters=8, kernel_size=3, groups=4).build((None, 6))


class TestLowering:
    # (steps, kernel_size, strides, dilation_rate), taps of an all-ones `same` layer on ones: docs of Keras' padding
    SAME = (
        ((5, 2, 1, 1), [2, 2, 2, 2, 1]),
        ((5, 4, 1, 1), [3, 4, 4, 3, 2]),
        ((6, 3, 2, 1), [3, 3, 2]),
        ((7, 3, 2, 1), [2, 3, 3, 2]),
        ((6, 3, 1, 2), [2, 2, 3, 3, 2, 2]),
        ((5, 2, 3, 1), [2, 2]),
        ((5, 4, 1, 3), [1, 2, 2, 1, 2]),
        ((2, 5, 4, 1), [2]),
    )

    @pytest.mark.parametrize(("shape", "taps"), SAME)
    @pytest.mark.parametrize("fixed", [True, False])
    def test_same(self, shape: tuple[int, ...], taps: list[int], fixed: bool) -> None:
        steps, kernel_size, strides, dilation_rate = shape
        problem = conv(
            input_shape=(steps if fixed else None, 1),
            kernel_size=kernel_size,
            strides=strides,
            dilation_rate=dilation_rate,
            padding="same",
        ).lower()
        assert problem.out_steps(steps) == len(taps) == -(-steps // strides)
        found = [problem.taps(t, steps) for t in range(len(taps))]
        assert [last - first for first, last in found] == taps
        assert problem.centred == (not fixed and strides > 1)

    @pytest.mark.parametrize("fixed", [True, False])
    def test_causal_pads_left_whatever_the_stride(self, fixed: bool) -> None:
        problem = conv(
            input_shape=(9 if fixed else None, 1), padding="causal", strides=3, kernel_size=2, dilation_rate=2
        ).lower()
        assert (problem.pad_left, problem.pad_right, problem.centred, problem.out_steps(9)) == (2, 0, False, 3)

    def test_valid_and_explicit(self) -> None:
        assert conv(strides=2).lower().out_steps(98) == 48
        problem = conv(padding=(2, 5), strides=4).lower()
        assert (problem.pad_left, problem.pad_right, problem.out_steps(98)) == (2, 5, 26)

    def test_a_free_same_layer_is_right_at_every_length(self) -> None:
        for kernel_size in (1, 2, 5):
            for strides in (1, 2, 3, 7):
                free = conv(input_shape=(None, 1), kernel_size=kernel_size, strides=strides, padding="same")
                for steps in range(1, 30):
                    fixed = free.build((steps, 1)).lower()
                    assert free.lower().pads(steps) == (fixed.pad_left, fixed.pad_right)
                    total = max(0, (-(-steps // strides) - 1) * strides + kernel_size - steps)
                    assert (fixed.pad_left, fixed.pad_right) == (total // 2, total - total // 2)

    def test_everything_else_is_carried_over(self) -> None:
        spec = conv(groups=2, use_bias=False, dtype="float64", data_format="channels_first", input_shape=(40, 98))
        problem = spec.lower()
        assert (problem.steps, problem.channels, problem.filters, problem.groups) == (98, 40, 8, 2)
        assert (problem.bias, problem.dtype, problem.channels_last) == (False, "float64", False)
        assert conv(activation="relu").lower().activation.name == "relu"

    def test_weights_have_keras_shapes(self) -> None:
        assert conv(groups=2).weight_shapes() == {"kernel": (3, 20, 8), "bias": (8,)}
        assert conv(use_bias=False).weight_shapes() == {"kernel": (3, 40, 8)}
        assert depthwise(depth_multiplier=2).weight_shapes() == {"kernel": (3, 40, 2), "bias": (80,)}

    def test_depthwise_is_a_group_for_each_channel(self) -> None:
        spec = depthwise(depth_multiplier=2, input_shape=(98, 3))
        problem = spec.lower()
        assert (problem.groups, problem.filters, problem.kernel_shape) == (3, 6, (3, 1, 6))
        kernel = np.arange(18.0).reshape(3, 3, 2)
        taps, bias = spec.problem_weights({"kernel": kernel, "bias": np.arange(6.0)})
        assert bias is not None
        assert bias.tolist() == [0, 1, 2, 3, 4, 5]
        for channel in range(3):
            for multiple in range(2):
                assert taps[:, 0, channel * 2 + multiple].tolist() == kernel[:, channel, multiple].tolist()
        assert depthwise(use_bias=False).problem_weights({"kernel": np.zeros((3, 40, 1))})[1] is None


class TestKerasRefusals:
    def test_what_keras_refuses(self) -> None:
        assert [one.code for one in conv(strides=2, dilation_rate=2).refusals()] == ["E304"]
        assert [one.code for one in conv(padding=(1, 1)).refusals()] == ["E305"]
        assert [one.code for one in depthwise(padding="causal").refusals()] == ["E305"]

    def test_what_keras_takes(self) -> None:
        for spec in (
            conv(padding="causal", strides=2),
            conv(dilation_rate=2),
            depthwise(padding="same"),
            conv(groups=4),
        ):
            assert not list(spec.refusals())


class TestNames:
    @pytest.mark.parametrize("name", ["a", "stem_1", "x" * 63, "Conv", "expand", "input", "bias", "y2", "vector"])
    def test_free(self, name: str) -> None:
        assert conv(name=name).name == name

    @pytest.mark.parametrize("name", ["_a", "1a", "a b", "a-b", "ä", "x" * 64, "", "a\n", 3])
    def test_no_identifier(self, name: object) -> None:
        assert wrong(name=name) == [("E120", "name")]

    @pytest.mark.parametrize(
        "name",
        [
            *("int", "class", "constexpr", "co_await", "restrict", "main", "memcpy", "expf", "sqrtl", "y1", "NULL"),
            *(
                "size_t",
                "uint8_t",
                "PTRDIFF_MAX",
                "v1",
                "v8_relu",
                "hold",
                "vaddq_f32",
                "genconv_run_v1",
                "aux",
                "COM1",
            ),
        ],
    )
    def test_taken(self, name: str) -> None:
        assert wrong(name=name) == [("E121", "name")]

    def test_the_reserved_words_are_wholly_read(self) -> None:
        assert names.taken("while") == names.taken("xor_eq") == "a keyword of C or C++"
        assert names.taken("yn") == names.taken("abort") == names.taken("write") == "a name of the C library"
