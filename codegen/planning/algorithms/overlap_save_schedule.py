"""How signals go through the workspace of `overlap_save`: what its blocks, spectra and vectors hold, in numbers."""

from __future__ import annotations

from functools import cached_property

from codegen.records import dataclass


@dataclass(frozen=True)
class Schedule:
    """Blocks of `size` samples, half of them new in each, in two halves of the signal: one complex number for both.

    A transform is one of `rows` samples, and one of size / rows. A vector of `lanes` numbers holds `width` neighbouring
    groups of lanes / width neighbouring blocks; `columns` vectors of them go through the products together. The kernel
    is `parts` parts, each half a block long, of each of `sources`: the channels of a group, times the stride's phases.
    Channels beyond a vector come in `chunks`, the last of which may overlap the one before. `pitch` are numbers from
    a row of real parts to that of the imaginary ones in the spectra, `sums_pitch` in the sums of products.
    """

    size: int
    rows: int
    lanes: int
    width: int
    columns: int
    parts: int
    sources: int
    chunks: int
    pitch: int
    sums_pitch: int

    @property
    def hop(self) -> int:
        """Outputs of a block, taps of a part."""
        return self.size // 2

    @property
    def across(self) -> int:
        """Samples of a transform of the second level."""
        return self.size // self.rows

    @property
    def bins(self) -> int:
        """Bins whose weights are kept: those of the others are their conjugates."""
        return self.size // 2 + 1

    @property
    def held(self) -> int:
        """Blocks in a vector."""
        return self.lanes // self.width

    @property
    def blocks(self) -> int:
        """Blocks of each half of the signal that a round makes."""
        return self.columns * self.held

    @property
    def ahead(self) -> int:
        """Vectors of later blocks that the outputs of a round's blocks read beside these."""
        return vectors_ahead(self.parts, self.width, self.lanes)

    @property
    def vectors_at_once(self) -> int:
        """Vectors whose spectra are kept at once: a round's and those ahead."""
        return self.columns + self.ahead

    @property
    def spectrum(self) -> int:
        """Numbers of a source's spectra."""
        return self.size * 2 * self.pitch

    @property
    def weights(self) -> int:
        """Numbers of a filter's packed weights, of a chunk of the groups."""
        return self.bins * self.sources * self.parts * 2 * self.weight_lanes

    @property
    def weight_lanes(self) -> int:
        """Numbers in a weight as it is packed: one for all lanes where there is one group, else one for each."""
        return 1 if self.width == 1 else self.lanes

    @property
    def wave_pitch(self) -> int:
        """Numbers from one first-level bin to the next, between the levels."""
        return (2 * self.across + 1) * self.lanes

    @property
    def column(self) -> int:
        """Numbers of a panel's row for one half of the signal: a vector and, beside several blocks, the next one."""
        return self.lanes + self.width if self.held > 1 else self.lanes

    @property
    def panel_pitch(self) -> int:
        """Numbers from one run of `across` rows of a panel to the next."""
        return 2 * self.across * self.column + self.lanes

    @property
    def panel_numbers(self) -> int:
        """Numbers of a panel: half a block of samples, or a block's outputs."""
        return self.rows // 2 * self.panel_pitch

    @property
    def panels(self) -> int:
        """Panels: where a vector holds one block, the next one comes in another."""
        return 1 if self.held > 1 else 2

    @cached_property
    def numbers(self) -> tuple[int, int, int, int, int]:
        """Numbers of the workspace's parts: spectra, sums, between the levels, panels, a vector of biases."""
        spectra = self.sources * self.spectrum
        sums = self.size * 2 * self.sums_pitch
        return spectra, sums, self.rows * self.wave_pitch, self.panels * self.panel_numbers, self.lanes

    def place(self, bin_: int) -> int:
        """Where a bin lies among the spectrum's rows."""
        return bin_ % self.rows * self.across + bin_ // self.rows


def vectors_ahead(parts: int, width: int, lanes: int) -> int:
    """Vectors that hold `parts` - 1 blocks of `width` groups."""
    return -(-(parts - 1) * width // lanes)
