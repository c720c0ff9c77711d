"""Triangle rasterisation on any device: which face covers each pixel, where on it, how deep.

In plain torch, which is the reference, or by the same arithmetic in Warp kernels where that package is installed.

Many pictures are drawn in one call: every face carries the index of its picture. Faces are expanded to the
rows they touch and rows to the pixels between the face's edges, a bounded number at a time; each candidate
pixel then competes for its place with one 64-bit minimum over (quantised depth, face index), so the result
never depends on the order of execution. The host waits for the device a few times per chunk and never per
face.

Conventions, as recorded from the original software rasteriser: clip -1 and +1 fall on the centres of the
first and the last pixel; rows grow with clip +y, so a picture for the eye is flipped top to bottom; edges are
inclusive, both windings are drawn, nothing is clipped; depth is z / w * 0.49999 + 0.5, linear in screen
space, quantised to 18 bits; the smallest depth wins, then the smallest face index. Faces without area, and
faces with a vertex that is not finite or lies at or behind the eye (w <= 0), are skipped.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Literal

import torch
from torch import Tensor

from maquette.errors import SettingError
from maquette.render.ragged import even_chunks, expand

Engine = Literal["auto", "torch", "warp"]

_log = logging.getLogger(__name__)
_DEPTH_STEPS = 1 << 18
_EMPTY = (1 << 63) - 1
_FACE_MASK = (1 << 32) - 1
_DEPTH_LIMIT = float(1 << 30)
_SLACK = (
    0.05  # pixels added around a row's span; the exact test follows, so this only guards against rounding
)


@dataclass(frozen=True)
class Fragments:
    """What each pixel of N pictures sees.

    Attributes:
        face_id: (N, H, W) int64 index of the visible face, -1 where empty.
        bary: (N, H, W, 3) float32 perspective-correct barycentrics, 0 where empty.
        depth: (N, H, W) float32 depth of the visible face, 0 at the near and 1 at the far plane, 1 where
            empty.
    """

    face_id: Tensor
    bary: Tensor
    depth: Tensor

    @property
    def mask(self) -> Tensor:
        """(N, H, W) bool: where a face is seen."""
        return self.face_id >= 0


def rasterize(
    clip_pos: Tensor,
    faces: Tensor,
    size: tuple[int, int],
    *,
    face_image: Tensor | None = None,
    image_count: int = 1,
    max_pairs: int = 1 << 20,
    engine: Engine = "auto",
) -> Fragments:
    """Draws triangles into one or several pictures.

    Args:
        clip_pos: (V, 4) float32 homogeneous clip positions.
        faces: (F, 3) int64 vertex indices.
        size: height and width of every picture.
        face_image: (F,) int64 picture of each face, in [0, image_count); None draws all into picture 0.
        image_count: number of pictures N.
        max_pairs: candidate (face, pixel) pairs the torch path holds at a time; one costs about 120 bytes.
        engine: "torch" for the reference; "warp" for the Warp kernels, which must be installed; "auto" for the
            kernels where they can be had. On a CPU both give the same bits.

    Returns:
        The fragments of the N pictures, on the device of `clip_pos`.

    Raises:
        SettingError: a size or count is not positive, or the engine asked for cannot be had.
    """
    height, width = size
    if min(height, width, image_count, max_pairs) < 1:
        raise SettingError(
            f"rasterize got size {size}, image_count {image_count}, max_pairs {max_pairs}", "all >= 1"
        )
    if clip_pos.device.type == "mps":  # neither engine runs there
        drawn = rasterize(
            clip_pos.cpu(),
            faces.cpu(),
            size,
            face_image=None if face_image is None else face_image.cpu(),
            image_count=image_count,
            engine=engine,
        )
        return Fragments(*(part.to(clip_pos.device) for part in (drawn.face_id, drawn.bary, drawn.depth)))
    screen = _to_screen(clip_pos.float(), height, width)
    if len(faces) and _choose(engine, clip_pos.device.type):
        from maquette.render import rasterize_warp

        shape = (image_count, height, width)
        face_id, bary, depth = rasterize_warp.draw(screen, faces, size, face_image, image_count, _EMPTY)
        return Fragments(face_id.view(shape), bary.view(*shape, 3), depth.view(shape))
    keys = torch.full((image_count * height * width,), _EMPTY, dtype=torch.int64, device=clip_pos.device)
    if len(faces):
        base = (
            torch.zeros(len(faces), dtype=torch.int64, device=faces.device)
            if face_image is None
            else face_image
        )
        for rows, face_index, first_pixel in _row_chunks(
            screen, faces, base * height, height, width, max_pairs
        ):
            _draw_rows(keys, rows, face_index, first_pixel, width, max_pairs)
    return _resolve(keys.view(image_count, height, width), screen, faces)


@cache
def _choose(engine: Engine, device: str) -> bool:
    """Whether to draw with the Warp kernels; says which and why once for each kind of device."""
    found, reason = False, "asked for"
    if engine != "torch":
        try:
            from maquette.render import rasterize_warp

            obstacle = rasterize_warp.unusable(device)
            found, reason = obstacle is None, obstacle or "it is installed and faster"
        except ImportError:
            reason = "warp is not installed; pip install warp-lang draws several times faster"
        if engine == "warp" and not found:
            raise SettingError(f"rasterize was asked for the engine warp on {device}", reason)
    _log.info("rasterising on %s with %s: %s", device, "warp" if found else "torch", reason)
    return found


def interpolate(attributes: Tensor, corner_index: Tensor, fragments: Fragments) -> Tensor:
    """Spreads values at face corners over the pixels.

    Args:
        attributes: (A, C) float values.
        corner_index: (F, 3) int64 row of `attributes` at each face corner: the faces themselves for values at
            vertices, `arange(3 * F).view(F, 3)` for values at corners.
        fragments: from `rasterize` with the same F faces.

    Returns:
        (N, H, W, C) float, zero where empty.
    """
    out = attributes.new_zeros(*fragments.face_id.shape, attributes.shape[-1])
    covered = fragments.mask
    corners = corner_index[fragments.face_id[covered]]
    bary = fragments.bary[covered].to(attributes.dtype)
    out[covered] = sum(attributes[corners[:, i]] * bary[:, i, None] for i in range(3))
    return out


def _to_screen(clip_pos: Tensor, height: int, width: int) -> Tensor:
    """(V, 4) screen x, y in pixels, depth, w; all NaN for vertices that cannot be drawn."""
    x, y, z, w = clip_pos.unbind(-1)
    screen = torch.stack(
        [
            (x / w * 0.5 + 0.5) * (width - 1) + 0.5,
            (y / w * 0.5 + 0.5) * (height - 1) + 0.5,
            z / w * 0.49999 + 0.5,
            w,
        ],
        -1,
    )
    usable = screen.isfinite().all(-1, keepdim=True) & (w > 0)[:, None]
    return torch.where(usable, screen, torch.nan)


def _row_chunks(
    screen: Tensor, faces: Tensor, image_row: Tensor, height: int, width: int, max_pairs: int
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Expands faces to the picture rows they touch.

    Yields:
        (11, R) float coefficients of each row as `_draw_rows` unpacks them, the last two being its first and
        last candidate columns; (R,) face index; (R,) flat index of the row's first pixel.
    """
    y = screen[:, 1][faces]
    low, high = y.amin(-1), y.amax(-1)
    first = (low - 0.5 - _SLACK).ceil().clamp(0, height).nan_to_num(0.0).long()
    last = (high - 0.5 + _SLACK).floor().clamp(-1, height - 1).nan_to_num(-1.0).long()
    counts = torch.where((low + high).isnan(), 0, last - first + 1).clamp(min=0)
    for begin, end, total in even_chunks(counts, max(max_pairs // 8, height)):
        face_index, offset = expand(counts[begin:end], total)
        face_index = face_index + begin
        row = first[face_index] + offset
        corners = faces[face_index]
        (ax, ay, az, _), (bx, by, bz, _), (cx, cy, cz, _) = (
            screen[corners[:, i]].unbind(-1) for i in range(3)
        )
        middle = row + 0.5
        bx, by, cx, cy, dy = bx - ax, by - ay, cx - ax, cy - ay, middle - ay
        area = bx * cy - by * cx
        left, right = _span(bx, by, cx, cy, dy)
        start = (left + ax - 0.5 - _SLACK).ceil().clamp(0, width)
        stop = (right + ax - 0.5 + _SLACK).floor().clamp(-1, width - 1)
        stop = torch.where(area == 0, -1.0, stop)
        rows = torch.stack([ax, cy, cx * dy, by, bx * dy, 1 / area, az, bz - az, cz - az, start, stop])
        yield rows, face_index, (image_row[face_index] + row) * width


def _span(bx: Tensor, by: Tensor, cx: Tensor, cy: Tensor, dy: Tensor) -> tuple[Tensor, Tensor]:
    """Least and greatest x (relative to corner a) at which a row `dy` meets the triangle's edges."""
    left, right = torch.full_like(dy, torch.inf), torch.full_like(dy, -torch.inf)
    zero = torch.zeros_like(dy)
    for x0, y0, x1, y1 in ((zero, zero, bx, by), (zero, zero, cx, cy), (bx, by, cx, cy)):
        hit = (dy >= torch.minimum(y0, y1) - _SLACK) & (dy <= torch.maximum(y0, y1) + _SLACK)
        # An edge lower than a pixel meets one row; its slope is too uncertain to say where, so all of it
        # counts.
        level = (y1 - y0).abs() < 1
        at = x0 + ((dy - y0) / (y1 - y0)).clamp(0, 1) * (x1 - x0)
        left = torch.where(hit, torch.minimum(left, torch.where(level, torch.minimum(x0, x1), at)), left)
        right = torch.where(hit, torch.maximum(right, torch.where(level, torch.maximum(x0, x1), at)), right)
    return left, right


def _draw_rows(
    keys: Tensor, rows: Tensor, face_index: Tensor, first_pixel: Tensor, width: int, max_pairs: int
) -> None:
    """Expands rows to pixels, tests them exactly and lets them compete for `keys`."""
    start, stop = rows[9].long(), rows[10].long()
    counts = (stop - start + 1).clamp(min=0)
    for begin, end, total in even_chunks(counts, max(max_pairs, width)):
        owner, offset = expand(counts[begin:end], total)
        ax, cy, cx_dy, by, bx_dy, scale, az, bz, cz = rows[:9, begin:end].index_select(1, owner)
        column = start[begin:end][owner] + offset
        dx = column + 0.5 - ax
        beta = (dx * cy - cx_dy) * scale
        gamma = (bx_dy - dx * by) * scale
        depth = az + beta * bz + gamma * cz
        inside = (beta >= 0) & (gamma >= 0) & (1 - beta - gamma >= 0) & (depth >= 0)
        quantised = (depth * _DEPTH_STEPS).clamp(0, _DEPTH_LIMIT).long()
        key = torch.where(inside, (quantised << 32) | face_index[begin:end][owner], _EMPTY)
        keys.scatter_reduce_(0, first_pixel[begin:end][owner] + column, key, "amin")


def _resolve(keys: Tensor, screen: Tensor, faces: Tensor) -> Fragments:
    """Turns the winning keys into fragments; barycentrics are recomputed for the winners alone."""
    image_count, height, width = keys.shape
    bary = screen.new_zeros(image_count, height, width, 3)
    depth = screen.new_ones(image_count, height, width)
    face_id = torch.where(keys == _EMPTY, -1, keys & _FACE_MASK)
    pixel = (face_id.view(-1) >= 0).nonzero()[:, 0]
    if len(pixel):
        corners = faces[face_id.view(-1)[pixel]]
        (ax, ay, az, aw), (bx, by, bz, bw), (cx, cy, cz, cw) = (
            screen[corners[:, i]].unbind(-1) for i in range(3)
        )
        dx, dy = pixel % width + 0.5 - ax, pixel // width % height + 0.5 - ay
        bx, by, cx, cy = bx - ax, by - ay, cx - ax, cy - ay
        # Reciprocals, and one step in double precision: the recorded barycentrics are these to the last bit, and the
        # published position maps cut values off so close to whole numbers that the last bit shows.
        scale = 1 / (bx * cy - by * cx)
        beta, gamma = (dx * cy - cx * dy) * scale, (bx * dy - dx * by) * scale
        alpha = (1 - beta.double() - gamma.double()).float()
        depth.view(-1)[pixel] = az + beta * (bz - az) + gamma * (cz - az)
        weights = torch.stack([alpha / aw, beta / bw, gamma / cw], -1)
        bary.view(-1, 3)[pixel] = weights * (1 / weights.sum(-1, keepdim=True))
    return Fragments(face_id, bary, depth)
