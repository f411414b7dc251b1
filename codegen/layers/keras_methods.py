"""Face: the methods of Keras' layers that need no kernel."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Self

from codegen.errors import ShapeError
from codegen.errors.quoting import plainly
from codegen.layers import config, penalties, summary
from codegen.layers.figures import Figures
from codegen.specs.parameters import parameters

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]


class Face(Figures):
    """What a layer says of itself in Keras' words; each argument is an attribute, too, as Keras holds it."""

    # For type checkers, of what __init_subclass__ makes for every kind
    kernel_size: tuple[int]
    strides: tuple[int]
    dilation_rate: tuple[int]
    padding: str | tuple[int, int]
    data_format: str
    activation: Any
    use_bias: bool
    bias_initializer: Any
    bias_regularizer: Any
    bias_constraint: Any
    activity_regularizer: Any

    def __init_subclass__(cls) -> None:
        """A kind's constructor tells of an unknown keyword; each of its arguments is an attribute that can be read.

        Properties and no __getattr__, with which every other attribute of a call would take twice as long.
        """
        if "__init__" in vars(cls):
            setattr(cls, "__init__", config.strict(vars(cls)["__init__"]))  # noqa: B010  # mypy takes no other way
        for name in parameters(cls.kind) if "kind" in vars(cls) else ():
            if not hasattr(cls, name):
                setattr(cls, name, _argument(name))

    @property
    def trainable(self) -> bool:
        """Whether an optimizer changes the weights; may be set."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self._trainable = bool(value)

    @property
    def trainable_weights(self) -> list[Array]:
        """The weights if the layer is trainable, else none."""
        return self.weights if self.trainable else []

    @property
    def non_trainable_weights(self) -> list[Array]:
        """The weights if the layer is not trainable, else none."""
        return [] if self.trainable else self.weights

    @property
    def losses(self) -> list[float]:
        """The penalty of the last call's output, divided by its batch; then the weights', if the layer is trainable."""
        held = self._made().arrays if self.trainable and self.built else {}
        return [*self._activity, *penalties.of_weights(self.spec, held)]

    def get_config(self) -> dict[str, Any]:
        """Keras' config, which `keras.layers.Conv1D.from_config` also takes. It does not contain the input's shape.

        Raises SpecError for a callable without a name and without get_config().
        """
        return config.of_spec(self.spec, self.trainable)

    @classmethod
    def from_config(cls, given: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Self:
        """The layer of a config, ours or Keras'; `custom_objects` by their names. Raises as the constructor does."""
        return cls(**config.arguments(given, custom_objects))

    def get_build_config(self) -> dict[str, Any] | None:
        """{"input_shape": …} with the batch, as `build_from_config` takes it; None while the layer is not built."""
        shape = self.spec.input_shape
        return {"input_shape": (None, *shape)} if shape else None

    def build_from_config(self, given: Mapping[str, Any]) -> None:
        """Build for the shape in a config of `get_build_config`, ours or Keras'.

        Raises ShapeError for anything else.
        """
        if not isinstance(given, Mapping) or "input_shape" not in given:
            expected = 'expected {"input_shape": …} as get_build_config() gives it'
            raise ShapeError(f"build_from_config: got {plainly(given)}, {expected}")
        self.build(given["input_shape"])

    def summary(self, print_fn: Callable[[str], object] | None = None) -> None:
        """Print the layer, its output's shape and its parameters as a table, or give it as text to `print_fn`."""
        summary.show(self, self.trainable, print_fn)


def _argument(name: str) -> property:
    def value(layer: Face) -> Any:
        return config.keras_value(name, getattr(layer.spec, name))

    return property(value, doc=f"The argument `{name}`, as Keras holds it.")
