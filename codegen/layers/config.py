"""A layer as Keras' config, and back; and the keywords that Keras' layers take beside their own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import wraps
from typing import Any

from codegen.errors import SpecError, keras_messages
from codegen.errors.quoting import plainly
from codegen.errors.suggest import closest
from codegen.functions import configs, constraints, initializers, regularizers
from codegen.functions.activations import layer_configs, serial
from codegen.numbers import formats
from codegen.specs import quantised
from codegen.specs.kinds import Spec
from codegen.specs.parameters import parameters

SIZES = ("kernel_size", "strides", "dilation_rate", "output_padding")  # which Keras holds as tuples of one
TABLES = {"initializer": initializers, "regularizer": regularizers, "constraint": constraints}


def keras_value(name: str, value: Any) -> Any:
    """A parameter's value as Keras' layer holds it."""
    return (value,) if name in SIZES and value is not None else value


def of_spec(spec: Spec, trainable: bool) -> dict[str, Any]:
    """Keras' get_config(). The input's shape is no part of it. Raises SpecError for a callable without a name."""
    first = {"name": spec.name, "trainable": trainable, "dtype": _policy(spec.dtype)}
    ours = quantised.of(spec) if spec.dtype not in formats.WHOLE else ()
    names = [name for name in parameters(type(spec)) if name not in ("input_shape", *first, *ours)]
    return first | {name: _written(name, getattr(spec, name)) for name in names}


def arguments(config: Mapping[str, Any], custom_objects: configs.Objects) -> dict[str, Any]:
    """What a constructor takes for a config, ours or Keras'. Raises SpecError E104 for what is none."""
    if not isinstance(config, Mapping) or not all(isinstance(name, str) for name in config):
        told = f"from_config: got {plainly(config)}, expected a dict with the arguments' names"
        raise SpecError("E104", told, hint="get_config() makes one")
    given = {name: _read(name, value, custom_objects) for name, value in config.items()}
    policy = given.get("dtype")
    if isinstance(policy, Mapping):
        given["dtype"] = policy.get("config", {}).get("name")
    return given


def weight_option(spec: Spec, weight: str, what: str) -> Any:
    """The initializer, regularizer or constraint (`what`) of one of the weights."""
    return getattr(spec, spec.option_of(weight, what))


def strict(init: Callable[..., None]) -> Callable[..., None]:
    """A constructor that tells of an unknown keyword by SpecError, and takes Keras' `input_dim` and `autocast`."""
    code = init.__code__
    known = code.co_varnames[1 : code.co_argcount + code.co_kwonlyargcount]
    takes_more = bool(code.co_flags & 0x08)  # inspect.CO_VARKEYWORDS: its own matter

    @wraps(init)
    def checked(self: Any, *args: Any, **given: Any) -> None:
        if not takes_more and not given.keys() <= set(known):
            given = _settled(type(self), given, known)
        init(self, *args, **given)

    return checked


def _settled(layer: type[Any], given: dict[str, Any], known: Iterable[str]) -> dict[str, Any]:
    """The keywords without those that Keras has for every layer. Raises SpecError E104 for one that nobody knows."""
    given = dict(given)
    if given.get("autocast", False) is True:
        del given["autocast"]  # x is cast to the layer's dtype, in Keras' default as here
    if "input_dim" in given and given.get("input_shape") is None:
        channels = given.pop("input_dim")
        first = str(given.get("data_format")).lower() == "channels_first"
        given["input_shape"] = (channels, None) if first else (None, channels)
    given = {name: value for name, value in given.items() if value is not None or not name.startswith("lora_")}
    unknown = {name: value for name, value in given.items() if name not in known}
    if not unknown:
        return given
    word = next(iter(unknown))
    table = parameters(layer.kind)
    near = closest(word, known, {also: each.name for each in table.values() for also in each.also})
    hint = f"did you mean `{near}`?" if near else f"it takes {', '.join(known)}"
    raise SpecError(
        "E104",
        f"{layer.__name__} has no argument `{plainly(word)}`",
        field=word,
        hint=hint,
        keras=keras_messages.unrecognized(layer.__name__, unknown),
    )


def _policy(dtype: str) -> dict[str, Any]:
    return {"module": "keras", "class_name": "DTypePolicy", "config": {"name": dtype}, "registered_name": None}


def _written(name: str, value: Any) -> Any:
    table = TABLES.get(name.rpartition("_")[2])
    if table:
        return table.serialize(value)
    return serial.serialize(value) if name == "activation" else keras_value(name, value)


def _read(name: str, value: Any, custom_objects: configs.Objects) -> Any:
    found = value
    if name.rpartition("_")[2] in TABLES or name == "activation":
        found = configs.custom(value, custom_objects)
    return layer_configs.meant(found) if name == "activation" else found
