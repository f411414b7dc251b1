"""The formats of numbers, one row each: what kernels compute in, and what weights are stored as.

Whoever needs a number's bytes, its C type or how exact it is asks its row: no one else knows a format by its name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar

from codegen.errors import WeightsError
from codegen.installed import registering
from codegen.records import dataclass

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

T = TypeVar("T")


@dataclass(frozen=True)
class Format:
    """One format of numbers, as it lies in memory.

    `c` is the C type of one and `suffix` that of its literals, `array` is NumPy's type of the same memory and `bytes`
    its size. A number becomes the nearest of the format: |stored - w| <= max(unit * |w|, tiny), `unit` its unit
    roundoff. A format of evenly spaced numbers has the unit 0, and one that loses nothing has `tiny` 0 as well.
    `least` is the least number beside 0, half of which a product may lose to underflow; `largest` the largest.

    A format that is computed in is `single` precision or, with more digits, takes the texts and the stated errors of
    double; `exact_in` is NumPy's type of its reference, `word` C's integer type of its size.

    One that weights are stored as is widened to the format `computed`, exactly: `encode` makes codes of contiguous
    numbers of that, `decode` numbers of codes. The C that widens them is templates/numbers/NAME.h.j2 or, where there is
    none, the target's own. `f16c`: on x86 it asks for F16C. `upper`: a code is the upper half of what it is widened to.
    `own` is NumPy's own type of such numbers, None where it has none, and `filed` safetensors' word for it.

    A `whole` one holds whole numbers, of which sums are exact: kernels that compute in it are held to 0 bits.
    """

    name: str
    c: str
    bytes: int
    array: str
    unit: float
    least: float
    largest: float
    suffix: str = ""
    tiny: float = 0.0
    single: bool = True
    exact_in: str = "float64"
    word: str = "int"
    computed: str = ""
    encoder: Callable[[Any], Any] | None = None
    decoder: Callable[[Any], Any] | None = None
    f16c: bool = False
    upper: bool = False
    own: str | None = None
    filed: str | None = None
    whole: bool = False

    @property
    def coded(self) -> bool:
        """Whether its numbers are codes, which are widened to be computed with."""
        return bool(self.computed)

    @property
    def spacing(self) -> float:
        """What small whole numbers are multiplied by to be numbers of the format: 1 of a floating one."""
        return 1.0 if self.unit else 2 * self.tiny or 1.0

    def of_pair(self, pair: tuple[T, T]) -> T:
        """What of (single precision's, double's) is this format's."""
        return pair[0] if self.single else pair[1]

    def encode(self, numbers: Array, name: str = "kernel") -> Array:
        """The nearest numbers of the format, as it stores them, in the same shape; NaN and infinities keep theirs.

        Raises WeightsError, with the array's `name`, for a number that no code is as near to as the format promises.
        """
        if self.encoder is None:
            return numbers
        import numpy as np

        plain = np.ascontiguousarray(numbers, COMPUTED[self.computed].array)
        with np.errstate(over="ignore", under="ignore", invalid="ignore"):
            codes: Array = self.encoder(plain)
            back = self.decode(codes)
            far = np.where(np.isfinite(plain), np.abs(back.astype(np.float64) - plain), 0) > self.step(plain)
        lost = far | (~np.isfinite(plain) & (back != plain) & ~(np.isnan(back) & np.isnan(plain)))
        if lost.any():
            at = tuple(map(int, np.argwhere(lost)[0]))
            raise beyond(name, at, plain[at], self.name, self.largest, self._way_out())
        return codes

    def decode(self, stored: Array) -> Array:
        """The numbers, in the format that is computed in, that an array of this format stands for: exact."""
        return stored if self.decoder is None else self.decoder(stored)

    def step(self, numbers: Array) -> Array:
        """The most that each number may have moved, float64."""
        import numpy as np

        return np.asarray(np.maximum(self.unit * np.abs(np.asarray(numbers, np.float64)), self.tiny))

    def _way_out(self) -> str:
        widest = max((row for row in STORED.values() if row.computed == self.computed), key=lambda row: row.largest)
        if widest.largest > self.largest:
            return f"store them as {widest.name}, which reaches as far as {self.computed}, or scale the layer"
        return f"scale the layer, or leave its weights in {self.computed}"


def beyond(name: str, at: tuple[int, ...], number: Any, word: str, largest: Any, way: str = "") -> WeightsError:
    """The error of a weight, the one at the index `at`, that the format `word` cannot hold."""
    got = f"weight {list(at)} of `{name}` is {number:g}, beyond {word}'s largest, {largest:g}"
    return WeightsError(f"{got}: {way or 'scale the layer, or give it dtype float64'}")


def _float16(plain: Any) -> Any:
    return plain.astype("float16").view("uint16")


def _of_float16(codes: Any) -> Any:
    return codes.view("float16").astype("float32")


def _upper(plain: Any) -> Any:
    """The upper halves of float32s, rounded to nearest, ties to even; a NaN stays one."""
    import numpy as np

    bits = plain.view(np.uint32)
    nearest = (bits + np.uint32(0x7FFF) + ((bits >> 16) & 1)) >> 16
    return np.where(np.isnan(plain), (bits >> 16) | 0x40, nearest).astype(np.uint16)


def _of_upper(codes: Any) -> Any:
    return (codes.astype("uint32") << 16).view("float32")


COMPUTED: dict[str, Format] = {
    row.name: row
    for row in (
        Format(
            "float32", "float", 4, "float32", 2.0**-24, 2.0**-149, (2 - 2.0**-23) * 2.0**127, suffix="f", own="float32"
        ),
        Format(
            "float64",
            "double",
            8,
            "float64",
            2.0**-53,
            2.0**-1074,
            (2 - 2.0**-52) * 2.0**1023,
            single=False,
            exact_in="longdouble",
            word="long long",
            own="float64",
        ),
    )
}
WHOLE: dict[str, Format] = {
    row.name: row
    for row in (
        Format(
            "int8", "int8_t", 1, "int8", 0.0, 1.0, 127.0, exact_in="int64", word="signed char", own="int8", whole=True
        ),
        Format("int32", "int32_t", 4, "int32", 0.0, 1.0, 2.0**31 - 1, exact_in="int64", own="int32", whole=True),
    )
}
"""int8 is what layers of whole numbers read and make; int32 are their sums, and what these are rescaled by."""

STORED: dict[str, Format] = {
    row.name: row
    for row in (
        Format(
            "float16",
            "uint16_t",
            2,
            "uint16",
            2.0**-11,
            2.0**-24,
            65504.0,
            tiny=2.0**-25,
            computed="float32",
            encoder=_float16,
            decoder=_of_float16,
            f16c=True,
            own="float16",
            filed="F16",
        ),
        Format(
            "bfloat16",
            "uint16_t",
            2,
            "uint16",
            2.0**-8,
            2.0**-133,
            (2 - 2.0**-7) * 2.0**127,
            tiny=2.0**-134,
            computed="float32",
            encoder=_upper,
            decoder=_of_upper,
            upper=True,
            filed="BF16",
        ),
    )
}


def row(name: str) -> Format:
    """The format of that name that is computed in. Raises KeyError for a name that is none."""
    return COMPUTED[name] if name in COMPUTED else WHOLE[name]


def registered(row: Format, texts: Mapping[str, str] = MappingProxyType({})) -> AbstractContextManager[None]:
    """Within it `row` is one of the formats: of those that weights are stored as if it is coded, else computed in.

    `texts` are templates by name, as numbers/NAME.h.j2 of a coded one.
    """
    return registering(STORED if row.coded else COMPUTED, {row.name: row}, texts)
