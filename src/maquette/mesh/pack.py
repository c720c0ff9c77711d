"""Packing charts into a square: every quarter turn of every chart at every place, lowest first.

The sheet is a grid of bits. For one chart, all places are tried at once: the sheet, thickened by run lengths that are
powers of two, is shifted to each run of the chart's rows and gathered by `or`; a bit that stays clear is a place where
nothing collides. Bytes are the unit of shifting, with the eight shifts within a byte kept at hand.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_SINGLE = 120  # masks that are placed one by one


@dataclass(frozen=True)
class Mask:
    """The cells that a chart touches, (H, W) bool; its rows as runs: row, start and end; its middle row."""

    cells: np.ndarray
    runs: list[tuple[int, int, int]]
    middle: float

    @classmethod
    def of(cls, cells: np.ndarray, gap: int) -> Mask:
        """A mask that also claims `gap` cells to the right and below; all do, so that many lie between any two."""
        height, width = cells.shape
        grown = np.zeros((height + gap, width + gap), dtype=bool)
        for down in range(gap + 1):
            grown[down : down + height, :width] |= cells
        for _ in range(gap):
            grown[:, 1:] |= grown[:, :-1]
        cells = grown
        padded = np.zeros((cells.shape[0], cells.shape[1] + 2), dtype=np.int8)
        padded[:, 1:-1] = cells
        step = np.diff(padded, axis=1)
        rows, starts = np.nonzero(step == 1)
        ends = np.nonzero(step == -1)[1]
        runs = list(zip(rows.tolist(), starts.tolist(), ends.tolist(), strict=True))
        return cls(cells, runs, float(np.average(rows, weights=ends - starts)))


class Sheet:
    """Bits of a sheet `width` cells wide and as high as it needs to be; a wall stands right of each row."""

    def __init__(self, width: int, height: int) -> None:
        self.width = width
        self.stride = (width // 8 + 1) * 8  # cells in a row, the wall included
        self.cells = np.zeros((height, self.stride), dtype=bool)
        self.cells[:, width:] = True
        self.top = 0
        self.shifted: dict[tuple[int, int], np.ndarray] = {}
        self._pack()

    def _pack(self) -> None:
        self.levels = [np.packbits(self.cells.reshape(-1), bitorder="little")]
        self.shifted.clear()

    def _level(self, level: int) -> np.ndarray:
        """Bits that are set where any of the 2^level cells from there on is taken."""
        while len(self.levels) <= level:
            reach, last = 1 << (len(self.levels) - 1), self.levels[-1]
            self.levels.append(last | _shift(last, reach))
        return self.levels[level]

    def _at(self, level: int, bit: int) -> np.ndarray:
        key = (level, bit)
        if key not in self.shifted:
            self.shifted[key] = _shift(self._level(level), bit)
        return self.shifted[key]

    def lowest_place(self, mask: Mask) -> tuple[int, int]:
        """Row and column of the lowest, then leftmost place where the mask touches nothing."""
        rows = min(self.top + 1, len(self.cells) - len(mask.cells))
        size = rows * self.stride // 8
        taken = np.zeros(size, dtype=np.uint8)
        for row, start, end in mask.runs:
            level = (end - start).bit_length() - 1
            for first in {start, end - (1 << level)}:
                byte, bit = divmod(row * self.stride + first, 8)
                taken |= self._at(level, bit)[byte : byte + size]
        index = int((taken != 255).argmax())
        free = ~int(taken[index]) & 255
        return divmod(index * 8 + (free & -free).bit_length() - 1, self.stride)

    def make_room(self, height: int) -> None:
        """See to it that there are free rows for another `height` cells above all that is there."""
        missing = self.top + height + 1 - len(self.cells)
        if missing > 0:
            rows = np.zeros((missing + len(self.cells) // 4, self.stride), dtype=bool)
            rows[:, self.width :] = True
            self.cells = np.vstack([self.cells, rows])
            self._pack()

    def put(self, mask: Mask, row: int, column: int) -> None:
        height, width = mask.cells.shape
        self.cells[row : row + height, column : column + width] |= mask.cells
        self.top = max(self.top, row + height)
        self._pack()


def _shift(bits: np.ndarray, by: int) -> np.ndarray:
    """Bits moved down by that many places, zeros coming in at the end."""
    byte, bit = divmod(by, 8)
    moved = np.zeros_like(bits)
    kept = len(bits) - byte
    moved[:kept] = bits[byte:]
    if bit:
        high = np.append(moved[1:], np.uint8(0)) << np.uint8(8 - bit)
        moved = (moved >> np.uint8(bit)) | high
    return moved


def pack(masks: list[np.ndarray], width: int, gap: int) -> tuple[list[tuple[int, int, int]], int]:
    """Place masks on a sheet, the largest first; beyond the largest, small ones go in bundles.

    Args:
        masks: (H, W) bool of each chart.
        width: of the sheet in cells.
        gap: least number of free cells between two masks.

    Returns:
        Row, column and quarter turns (as by `np.rot90`) of each, and the height of the sheet that was needed.
    """
    order = sorted(range(len(masks)), key=lambda i: (-int(masks[i].sum()), i))
    items = [(masks[i], [(i, 0, 0)]) for i in order[:_SINGLE]]
    items += _bundles(masks, order[_SINGLE:], max(width // 5, 16), gap)
    found, top = _pack_each([mask for mask, _ in items], width, gap)
    places: list[tuple[int, int, int]] = [(0, 0, 0)] * len(masks)
    for (whole, members), (row, column, turns) in zip(items, found, strict=True):
        for index, down, right in members:
            below, beside = whole.shape[0] - down, whole.shape[1] - right
            below, beside = below - masks[index].shape[0], beside - masks[index].shape[1]
            moved = ((down, right), (beside, down), (below, beside), (right, below))[turns]
            places[index] = (row + moved[0], column + moved[1], turns)
    return places, top


def _bundles(
    masks: list[np.ndarray], chosen: list[int], width: int, gap: int
) -> list[tuple[np.ndarray, list[tuple[int, int, int]]]]:
    """Small masks set in lines like words, the lines in square blocks: each block with its members' places."""
    bundles = []
    members: list[tuple[int, int, int]] = []
    line = row = column = 0
    for index in sorted(chosen, key=lambda i: (-masks[i].shape[0], i)):
        height, length = masks[index].shape
        if column and column + length > width:
            row, column, line = row + line, 0, 0
        if members and row + height > width:
            bundles.append(members)
            members, row, column, line = [], 0, 0, 0
        members.append((index, row, column))
        column, line = column + length + gap, max(line, height + gap)
    if members:
        bundles.append(members)
    result = []
    for members in bundles:
        rows, columns = (
            max(place[axis + 1] + masks[place[0]].shape[axis] for place in members) for axis in (0, 1)
        )
        result.append((np.ones((rows, columns), dtype=bool), members))
    return result


def _pack_each(masks: list[np.ndarray], width: int, gap: int) -> tuple[list[tuple[int, int, int]], int]:
    """As `pack`, each mask by itself."""
    longest = max(max(mask.shape) for mask in masks) + gap
    area = sum(int(mask.sum()) for mask in masks)
    width = max(width, longest)
    sheet = Sheet(width, int(1.3 * area / width) + longest)
    places: list[tuple[int, int, int]] = [(0, 0, 0)] * len(masks)
    for index in sorted(
        range(len(masks)), key=lambda i: (-max(masks[i].shape) * 0.5 - masks[i].sum() ** 0.5, i)
    ):
        sheet.make_room(max(masks[index].shape) + gap)
        best: tuple[float, int, int, int] | None = None
        for turns in range(4):
            mask = Mask.of(np.rot90(masks[index], turns), gap)
            row, column = sheet.lowest_place(mask)
            # The lowest centre of mass, not the lowest top: what juts up leaves room beside it for others.
            found = (row + mask.middle, column, row, turns)
            if best is None or found < best:
                best, chosen = found, mask
        assert best is not None
        _, column, row, turns = best
        sheet.put(chosen, row, column)
        places[index] = (row, column, turns)
    return places, sheet.top
