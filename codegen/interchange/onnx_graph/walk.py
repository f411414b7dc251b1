"""An ONNX model to a graph: its nodes one after another, in each of the ways that its inputs may be meant."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import field
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from codegen.errors import ConversionError
from codegen.errors.quoting import NAME, exactly, plainly
from codegen.interchange.drawing import Drawing
from codegen.interchange.ledger import Ledger
from codegen.interchange.onnx_graph import first_states
from codegen.interchange.onnx_graph.call import Call, Draw
from codegen.interchange.onnx_graph.elementwise import ELEMENTWISE
from codegen.interchange.onnx_graph.folding import FOLDED, folded
from codegen.interchange.onnx_graph.layers import LAYERS
from codegen.interchange.onnx_graph.moving import MOVING
from codegen.interchange.onnx_graph.products import PRODUCTS, Readers
from codegen.interchange.onnx_graph.proto import Branch, Model, Node, Port, model
from codegen.interchange.onnx_graph.recurrent import RECURRENT, ZEROS
from codegen.interchange.sketch import Imported, Sketch
from codegen.interchange.stranger import bytes_of
from codegen.interchange.tensors import Tensor
from codegen.records import dataclass

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array: TypeAlias = NDArray[Any]

__all__ = ["imported", "read"]

LARGEST = 1 << 30  # bytes of a file
MOST_FOLDED = 1 << 24  # numbers of constants that are computed from others
DOMAINS = ("", "ai.onnx", "com.microsoft")
NODES: dict[str, Draw] = {**ELEMENTWISE, **MOVING, **LAYERS, **RECURRENT}
PAST = "keeps its past rows as a stream's state, which is zeros at first, and no input here"
FRAMES = "the batch is a sequence of frames: x holds them one after another"
WAY = "replace it before the export, or leave it out with skip=[{0}]"


def read(path: Path, shown: str, ledger: Ledger, steps: int | None = None, states: bool = False) -> Imported:
    """The model of a .onnx file; `steps` of inputs that have any number of them. Raises ConversionError.

    With `states` the first states that are inputs are some here, too, and the last ones outputs.
    """
    return imported(model(bytes_of(path, LARGEST), shown), path.stem, ledger, steps, states)


@dataclass(frozen=True)
class Style:
    """How inputs are meant: the axes of those of three and of two; `framed`: the batch is a sequence of frames."""

    three: str
    two: str
    framed: bool = False


def imported(found: Model, name: str, ledger: Ledger, steps: int | None = None, states: bool = False) -> Imported:
    """A graph called like the model. Raises ConversionError with what cannot be read of the best way to read it."""
    matrices = any(
        node.kind in ("Gemm", "MatMul") and _names(found.inputs).intersection(node.inputs[:1]) for node in found.nodes
    )
    flat = ("nc", "nt") if matrices else ("nt", "nc")
    styles = [Style(three, two) for two, three in product(flat, ("nct", "ntc"))]
    if any(node.kind in RECURRENT for node in found.nodes):
        styles += [Style("tnc", "nt"), Style("nct", "nt", framed=True)]
    best: Walk | None = None
    for style in styles:
        walk = Walk(found, name, Ledger(ledger.skip), style, steps, states)
        walk.run()
        if best is None or walk.worth < best.worth:
            best = walk
        if not best.ledger.wrong:
            break
    assert best is not None  # there are styles
    best.ledger.settle()
    ledger.took(best.ledger)
    return best.finished()


def _names(ports: Collection[Port]) -> set[str]:
    return {port.name for port in ports}


@dataclass
class Walk:
    """One walk over a model's nodes."""

    model: Model
    stem: str
    ledger: Ledger
    style: Style
    steps: int | None = None  # of inputs that have any
    kept: bool = False  # whether first states are inputs, and last ones outputs
    values: dict[str, Any] = field(default_factory=dict)  # tensors, constants, None for what hangs on something wrong

    folded: int = 0

    def __post_init__(self) -> None:
        doubles = [one for one in self.model.constants.values() if one.dtype.kind == "f" and one.size > 1]
        dtype = "float64" if doubles and all(one.dtype.itemsize == 8 for one in doubles) else "float32"
        self.drawing = Drawing(Sketch("model", dtype=dtype))
        self.drawing.sketch.builder.name = self.drawing.sketch.names.fresh(self.stem)
        self.readers = Readers.of(self.model.nodes, [port.name for port in self.model.outputs])
        outputs = _names(self.model.outputs)
        self.begun = first_states.given(self.model.nodes, [port.name for port in self.model.inputs], outputs)
        self.left = set[str]() if self.kept else first_states.left(self.model.nodes, outputs)
        self.states = set[str]() if self.kept else self.begun

    def run(self) -> None:
        """Draws all that can be; the ledger has the rest."""
        self.values.update(self.model.constants)
        for node in self.model.nodes:
            if node.kind == "Constant":  # which stand before their readers, and after what is looked at with these
                with self.ledger.at(node.name, node.kind):
                    self.values[node.outputs[0]] = folded(Call(node, self.drawing, ()))
        states = self.states
        for port in self.model.inputs:
            if port.name in states:
                self.values[port.name] = ""
                continue
            with self.ledger.at(port.name, "input"):
                self.values[port.name] = None
                self.values[port.name] = self._input(port)
        for node in self.model.nodes:
            self._node(node)
        self._outputs()

    def _node(self, node: Node) -> None:
        for at in node.outputs:
            self.values.setdefault(at, None)
        if first_states.within(node, self.states):
            self.values.update(dict.fromkeys(node.outputs, ""))
        elif not first_states.joins(node, self.left):
            with self.ledger.at(node.name, node.kind):
                self._drawn(node)

    def _chosen(self, node: Node, condition: Any) -> None:
        """The nodes of one branch of an If. Raises ConversionError for a condition that is not known."""
        import numpy as np

        if isinstance(condition, Tensor) or condition is None or np.size(condition) != 1:
            raise ConversionError(
                f"chooses by what is computed, expected a constant; {WAY.format(exactly(node.name, NAME))}"
            )
        branch = node.attributes.get("then_branch" if np.any(condition) else "else_branch")
        if not isinstance(branch, Branch):
            raise ConversionError("has no branch for its condition")
        outer, self.readers = self.readers, Readers.of(branch.nodes, branch.outputs)
        self.values.update(branch.constants)
        for one in branch.nodes:
            self._node(one)
        self.readers = outer
        self.values.update({name: self.values.get(at) for name, at in zip(node.outputs, branch.outputs, strict=False)})

    @property
    def worth(self) -> tuple[bool, int, int]:
        """The less the better: whether an input makes no sense so, how much is wrong, and how few layers are drawn."""
        senseless = any(port.name in self.ledger.wrong for port in self.model.inputs)
        return senseless, len(self.ledger.wrong), -len(self.drawing.sketch.weights)

    def _input(self, port: Port) -> Tensor:
        names, several = self.drawing.sketch.names, len(self.model.inputs) - len(self.states) > 1
        name = names.fresh(port.name) if several else "x"
        if port.sizes is None or len(port.sizes) not in (2, 3):
            got = "no shape" if port.sizes is None else f"{len(port.sizes)} axes"
            raise ConversionError(f"has {got}, expected (batch, channels, steps) or (batch, numbers)")
        axes = self.style.three if len(port.sizes) == 3 else self.style.two
        if port.name in self.begun and len(port.sizes) == 3:
            axes = "ntc" if any(node.attributes.get("layout") for node in self.model.nodes) else "tnc"
        sizes = dict(zip(axes, port.sizes, strict=True))
        channels, steps = sizes.get("c", 1), sizes.get("t", 1) or self.steps
        if channels is None:
            raise ConversionError("has a free number of channels; export it with a fixed one")
        builder = self.drawing.sketch.builder
        if not self.style.framed or port.name in self.begun:
            return Tensor(builder.input(name, steps, channels), axes)
        if steps is None:
            raise ConversionError("has frames of any number of steps; export it with a fixed one")
        self.drawing.sketch.note(FRAMES)
        return Tensor(builder.function("frames", builder.input(name, None, channels), size=steps, hop=steps), axes)

    def _drawn(self, node: Node) -> None:
        if node.name in self.readers.done:
            return
        given = [self.values.get(name) if name else "" for name in node.inputs]
        unknown = [name for name in node.inputs if name and name not in self.values]
        if unknown:
            raise ConversionError(f"reads `{plainly(unknown[0], NAME)}`, which nothing before it makes")
        lost = any(one is None for one in given)
        inputs = [None if isinstance(one, str) else one for one in given]
        call = Call(node, self.drawing, inputs, self.style.framed)
        if self.ledger.skips(node.name, node.kind, *node.outputs[:1]):
            if not lost:
                self.values[node.outputs[0]] = call.tensor()
            return
        if node.kind in FOLDED and not lost and not any(isinstance(one, Tensor) for one in inputs):
            self.values[node.outputs[0]] = constant = folded(call)
            self.folded += constant.size
            if self.folded > MOST_FOLDED:
                raise ConversionError(f"is one constant too many: {MOST_FOLDED:,} numbers are held")
            return
        if node.kind == "If" and not lost:
            self._chosen(node, inputs[0] if inputs else None)
            return
        if (node.kind not in (*NODES, "If") and node.kind not in PRODUCTS) or node.domain not in DOMAINS:
            raise ConversionError(f"is not known here; {WAY.format(exactly(node.name, NAME))}")
        if lost:
            return
        if not self.states.isdisjoint(filter(None, node.inputs)):
            self.drawing.sketch.note(f"{plainly(node.name, NAME)} {PAST if 'Conv' in node.kind else ZEROS}")
        if node.kind in PRODUCTS:
            if not node.inputs:
                raise ConversionError("has no input")
            together = PRODUCTS[node.kind](call, self.readers, self.values)
            if together is not None:
                self.values.update(together)
                return
        made = NODES[node.kind](call)
        self.values.update(zip(node.outputs, made if isinstance(made, list) else [made], strict=False))

    def _outputs(self) -> None:
        ports = [port for port in self.model.outputs if port.name not in self.left]
        for port in ports:
            value = self.values.get(port.name)
            if isinstance(value, Tensor):
                name = "y" if len(ports) == 1 else self.drawing.sketch.names.fresh(port.name)
                self.drawing.sketch.builder.output(name, value.value)
            elif not self.ledger.wrong:
                with self.ledger.at(port.name, "output"):
                    raise ConversionError(
                        "is a constant, or made of what is no value here: an LSTM's last cell is none"
                    )

    def finished(self) -> Imported:
        """The graph and its weights."""
        sketch = self.drawing.sketch
        skipped = (f"{path}, {kind}, is left out" for path, kind in self.ledger.skipped.items())
        graph = sketch.graph()
        return Imported({graph.name: graph}, sketch.weights, "onnx", (*sketch.notes, *skipped))
