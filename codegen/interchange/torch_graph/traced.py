"""A module that torch.export or torch.fx has traced, drawn node by node; torch is the caller's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any

from codegen.errors import ConversionError
from codegen.errors.quoting import NAME, exactly, plainly
from codegen.interchange.drawing import Drawing
from codegen.interchange.ledger import Ledger
from codegen.interchange.library import array
from codegen.interchange.tensors import Tensor, Unserved, served
from codegen.interchange.torch_graph.call import Call
from codegen.interchange.torch_graph.layers import demand_zeros
from codegen.interchange.torch_graph.modules import MODULES, kind_of
from codegen.interchange.torch_graph.moving import CALLS, UNSERVED
from codegen.records import dataclass

__all__ = ["Traced", "Walk", "exported", "of_program", "symbolic"]

WAY = "replace it, or leave it out with skip=[{0}]"
SPREADING = ("add", "sub", "mul", "div", "truediv")
OWN = ("torch.nn.modules.", "torch.nn.utils.parametri")


@dataclass(frozen=True)
class Traced:
    """`nodes` of a graph of torch.fx; `held` are tensors by the names of placeholders, `paths` their names there."""

    nodes: tuple[Any, ...]
    held: Mapping[str, Any]
    paths: Mapping[str, str]
    modules: Mapping[str, Any]

    @property
    def told(self) -> str:
        """The graph in words, the same for the same operations."""
        return "\n".join(f"{n.name} {n.op} {n.target} {n.args} {n.kwargs}" for n in self.nodes)


def exported(module: Any, example: Any) -> Traced:
    """What torch.export makes of it. Raises whatever that does."""
    import torch  # type: ignore[import-not-found,unused-ignore]  # the caller's, whose module this is

    with torch.no_grad():
        module(example)  # what cannot be, is told by itself, and not by pages of tracing
    return of_program(torch.export.export(module, (example,)))


def of_program(program: Any) -> Traced:
    """The graph of a torch.export.ExportedProgram, and what it holds."""
    names = {**program.graph_signature.inputs_to_parameters, **program.graph_signature.inputs_to_buffers}
    names |= program.graph_signature.inputs_to_lifted_tensor_constants
    known = {**program.state_dict, **program.constants}
    held = {name: known[path] for name, path in names.items() if path in known}
    return Traced(tuple(program.graph.nodes), held, names, {})


def symbolic(module: Any) -> Traced:
    """What torch.fx makes of it. Raises whatever that does."""
    from torch import fx  # type: ignore[import-not-found,unused-ignore]  # the caller's

    made = fx.symbolic_trace(module)
    return Traced(tuple(made.graph.nodes), {}, {}, dict(module.named_modules()))


@dataclass
class Walk:
    """One walk over a traced module; `values` are tensors, torch's, numbers; None hangs on something wrong."""

    traced: Traced
    drawing: Drawing
    ledger: Ledger
    module: Any
    values: dict[str, Any] = field(default_factory=dict)

    def run(self, given: Tensor) -> list[Tensor]:
        """The outputs; fewer where something is wrong."""
        self.values.update(self.traced.held)
        found: list[Tensor] = []
        for node in self.traced.nodes:
            if node.op == "placeholder":
                with self.ledger.at(str(node.target), "input"):
                    self.values.setdefault(node.name, self._input(node, given))
            elif node.op == "output":
                with self.ledger.at("output", "output"):
                    found = [served(one) for one in _flat(self._led(node.args)) if isinstance(one, (Tensor, Unserved))]
            else:
                self.values[node.name] = None
                with self.ledger.at(self._place(node), _kind(node)):
                    self.values[node.name] = self._made(node)
        return found

    def _input(self, node: Any, given: Tensor) -> Any:
        """The module's input, or what another argument is by itself. Raises ConversionError for a second input."""
        if node.name in self.traced.held:
            return None
        if not any(one is given for one in self.values.values()):
            return given
        if not node.args:
            raise ConversionError("is a second input, expected one tensor: read the parts by themselves")
        return Unserved("is an argument that is not given") if node.args[0] is None else node.args[0]

    def _place(self, node: Any) -> str:
        """Where a node is: its module's path, and its own name where that does not tell all."""
        if node.op == "call_module":
            return str(node.target)
        path, kind = _stack(node)
        return f"{path}.{node.name}" if path and not kind.startswith(OWN) else path or str(node.name)

    def _led(self, value: Any) -> Any:
        """The arguments with what is known in place of nodes."""
        if type(value).__name__ == "Node":
            return self.values.get(value.name)
        if isinstance(value, (list, tuple)):
            return [self._led(one) for one in value]
        if isinstance(value, slice):
            return slice(self._led(value.start), self._led(value.stop), self._led(value.step))
        if isinstance(value, Mapping):
            return {word: self._led(one) for word, one in value.items()}
        return value

    def _made(self, node: Any) -> Any:
        args, kwargs = self._led(node.args), self._led(node.kwargs)
        lost = any(self.values.get(one.name) is None for one in node.all_input_nodes)
        name = node.target if node.op == "call_module" else _kind(node)
        if self.ledger.skips(self._place(node), str(name), node.name, _kind(node)):
            return None if lost else args[0]
        if node.op == "get_attr":
            return _attribute(self.module, node.target)
        if node.op == "call_module":
            return self._module(node, args, lost)
        for one in _flat([args, kwargs]) if _kind(node) != "getitem" else ():
            served(one)
        if not lost and not any(isinstance(one, (Tensor, Unserved)) for one in _flat([args, kwargs])):
            return _constant(node, args, kwargs)
        draw = CALLS.get(_kind(node))
        if draw is None:
            what = UNSERVED.get(_kind(node), "is not known here")
            raise ConversionError(f"{what}; {WAY.format(exactly(self._place(node), NAME))}")
        if lost:
            return None
        spread = all(_kind(one) in SPREADING for one in node.users)
        made = draw(Call(self.drawing, self._name(node), _arrays(args), _arrays(kwargs), spread))
        several = isinstance(made, Tensor) and isinstance(node.meta.get("val"), tuple)
        return [made, Unserved("is one of several outputs, which is no value here")] if several else made

    def _module(self, node: Any, args: Any, lost: bool) -> Any:
        module = self.traced.modules[node.target]
        kind = kind_of(module)
        if kind is None:
            raise ConversionError(f"is not known here; {WAY.format(exactly(node.target, NAME))}")
        if not lost and isinstance(served(args[0]), Tensor):
            demand_zeros(_flat([args[1:], self._led(node.kwargs)]))
            return MODULES[kind](self.drawing, str(node.target), module, args[0])
        if not lost:
            raise ConversionError("is called on a constant")
        return None

    def _name(self, node: Any) -> str:
        """What a layer of this call is named: the path of the module that has its weight; two calls then share it."""
        for one in node.all_input_nodes:
            path = str(one.target) if one.op == "get_attr" else self.traced.paths.get(one.name, "")
            if path.rpartition(".")[2] in ("weight", "weight_ih_l0") and "parametrizations" not in path:
                return path.rpartition(".")[0] or str(node.name)
        path, kind = _stack(node)
        return path if path and kind.startswith(OWN) else str(node.name)


def _stack(node: Any) -> tuple[str, str]:
    """(path, class) of the innermost module that a node comes from."""
    found = list((node.meta.get("nn_module_stack") or {}).values())
    if not found:
        return "", ""
    path, kind = found[-1]
    path = str(path).removeprefix("L['self']").lstrip(".").partition("@")[0]
    return path, kind if isinstance(kind, str) else f"{kind.__module__}.{kind.__qualname__}"


def _kind(node: Any) -> str:
    """relu of aten.relu.default, of torch.relu, and of x.relu()."""
    if node.op in ("call_method", "get_attr", "call_module"):
        return str(node.target) if node.op != "call_module" else "module"
    overloaded = getattr(node.target, "overloadpacket", None)
    name = str(getattr(overloaded if overloaded is not None else node.target, "__name__", node.target))
    return name.rstrip("_") or name


def _constant(node: Any, args: Any, kwargs: Any) -> Any:
    """What a call makes of weights alone: done by torch itself, whose module this is."""
    import torch

    if node.op == "call_method" and not isinstance(args[0], torch.Tensor):
        raise ConversionError("of constants is not known here")
    with torch.no_grad():
        if node.op == "call_method":
            return getattr(args[0], node.target)(*args[1:], **kwargs)
        return node.target(*args, **kwargs)


def _attribute(module: Any, path: str) -> Any:
    found = module
    for word in path.split("."):
        found = getattr(found, word)
    return found


def _arrays(value: Any) -> Any:
    """The arguments with NumPy's arrays in place of torch's tensors."""
    if isinstance(value, (list, tuple)):
        return [_arrays(one) for one in value]
    if isinstance(value, Mapping):
        return {word: _arrays(one) for word, one in value.items()}
    if hasattr(value, "detach") and hasattr(value, "dtype"):
        if not str(value.dtype).startswith("torch.float") and not str(value.dtype).startswith("torch.bfloat"):
            return value.item() if value.numel() == 1 else None
        return array(value, plainly("weight"))
    return value


def _flat(value: Any) -> list[Any]:
    if isinstance(value, (list, tuple)):
        return [one for inner in value for one in _flat(inner)]
    if isinstance(value, Mapping):
        return _flat(list(value.values()))
    return [value]
