"""Configs: objects as Keras' dicts, {"module": …, "class_name": …, "config": {…}, "registered_name": …}, and back.

Nothing is imported or evaluated by a config: what is not of this package comes from `custom_objects`, by its name.
Source: keras/src/saving/serialization_lib.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from types import FunctionType
from typing import Any

from codegen.errors import SpecError
from codegen.errors.quoting import exactly

Objects = Mapping[str, Any] | None


def options(value: Any) -> dict[str, Any]:
    """What a dataclass is made with, by name; tuples as lists, as they come back from JSON."""
    spots = [spot for spot in fields(value) if spot.init] if is_dataclass(value) else []
    found = {spot.name: getattr(value, spot.name) for spot in spots}
    return {name: list(each) if isinstance(each, tuple) else each for name, each in found.items()}


def of_known(value: Any, module: str) -> dict[str, Any]:
    """The config of an object that Keras has under the same name in `module`."""
    return _config(module, type(value).__name__, value.get_config(), None)


def of_own(value: Any, noun: str) -> dict[str, Any]:
    """The config of an object of the user's own: a named function, or one with get_config(). Raises SpecError E230."""
    if isinstance(value, FunctionType) and value.__name__ != "<lambda>":
        return _config("builtins", "function", value.__name__, "function")
    if hasattr(value, "get_config"):
        cls = type(value)
        return _config(cls.__module__, cls.__name__, value.get_config(), cls.__name__)
    hint = "give a function that has a name, or an object with get_config()"
    raise SpecError("E230", f"the {noun} {exactly(value)} cannot be written as a config", hint=hint)


def custom(config: object, known: Objects) -> object:
    """What a config means by `known`: an object of the user's own; the config itself where `known` has no such name."""
    if isinstance(config, str):
        return (known or {}).get(config, config)
    if not isinstance(config, Mapping):
        return config
    function = config.get("class_name") == "function"
    found = (known or {}).get(str(config.get("config" if function else "class_name")))
    if found is None or function or not isinstance(found, type):
        return config if found is None else found
    given = config.get("config") or {}
    return found.from_config(given) if hasattr(found, "from_config") else found(**given)


def _config(module: str, name: str, config: object, registered: str | None) -> dict[str, Any]:
    return {"module": module, "class_name": name, "config": config, "registered_name": registered}
