"""What the config of a Keras model tells of its layers: names, groups of files, the tensors that they read."""

from __future__ import annotations

from collections.abc import Sequence

from codegen.functions.registry import snake_case
from codegen.interchange.keras_graph.part import Ref, arguments, ref_of
from codegen.interchange.stranger import Item

__all__ = ["first_shape", "groups_of", "name_of", "reads", "refs_of"]


def first_shape(item: Item, layers: Sequence[Item]) -> Item:
    """A config with the input's shape, of a Sequential. Raises ConversionError for one that was never built."""
    first = layers[0]["config"]
    if "batch_shape" in first or "batch_input_shape" in first:
        return first
    built = item["config"].get("build_input_shape") or item["config"].get("batch_input_shape")
    if built is None:
        raise item.wrong("is not built: nothing is known of its input; give it an Input, or call model.build")
    sizes = [one.value for one in built]
    if len(sizes) == 3 and sizes[0] is not None:  # of an array that it was called on
        sizes[1] = None
    return Item({"batch_shape": sizes}, built.place)


def groups_of(layers: Sequence[Item], group: str) -> list[str]:
    """Where a .keras file has the weights of each layer: by classes, counted."""
    found, counts = [], dict[str, int]()
    for layer in layers:
        module = layer.get("module")
        if module is not None and ".ops" in str(module.value):
            found.append("")
            continue
        word = snake_case(layer["class_name"].word())
        count = counts.get(word, 0)
        counts[word] = count + 1
        found.append(f"{group}/layers/{word}{f'_{count}' if count else ''}".lstrip("/"))
    return found


def name_of(layer: Item) -> str:
    """The layer's name, wherever the config has it."""
    return (layer if "name" in layer else layer["config"])["name"].word()


def refs_of(item: Item) -> list[Ref]:
    """The tensors of input_layers and output_layers: one, a list, or by names."""
    if isinstance(item.value, dict):
        return [ref for word in item.value for ref in refs_of(item[word])]
    whole = list(item)
    if whole and isinstance(whole[0].value, str):
        return [ref_of(item)]
    return [ref for one in whole for ref in refs_of(one)]


def reads(layer: Item, name: str) -> bool:
    """Whether a layer reads what a layer of that name makes."""
    found = list[Ref]()
    for call in layer["inbound_nodes"]:
        arguments(call, found.append)
    return name in {ref.layer for ref in found}
