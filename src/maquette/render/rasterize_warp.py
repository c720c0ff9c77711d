# mypy: ignore-errors
# The kernels are written in Warp's language, whose types mypy does not know.
"""The rasteriser's inner loops as NVIDIA Warp kernels: one source for CPU and CUDA, compiled when first used.

The same arithmetic in the same order as the torch reference, with fused multiply-add switched off, so that both give
the same bits on a CPU. Imported by `maquette.render.rasterize` alone, and only where the package is installed.
"""

import os
import sys
import threading

import torch
import warp as wp

wp.set_module_options({"fuse_fp": False, "fast_math": False, "enable_backward": False})

_LAUNCH = threading.Lock()
"""Warp's CPU launches must not overlap."""

# A constant of the kernels must be a Warp constant, and equal to the torch reference's.
_DEPTH_STEPS = wp.constant(float(1 << 18))
_DEPTH_LIMIT = wp.constant(float(1 << 30))
_EMPTY = wp.constant(wp.int64((1 << 63) - 1))
_FACE_MASK = wp.constant(wp.int64((1 << 32) - 1))


@wp.func
def _edge_x(ax: float, ay: float, bx: float, by: float, dy: float):
    """Where a row meets the line through two points; both are at least a pixel apart in y."""
    return ax + (dy - ay) / (by - ay) * (bx - ax)


@wp.kernel
def _draw(
    screen: wp.array2d(dtype=float),
    faces: wp.array2d(dtype=wp.int64),
    image: wp.array(dtype=wp.int64),
    height: int,
    width: int,
    keys: wp.array(dtype=wp.int64),
):
    face = wp.tid()
    a, b, c = int(faces[face, 0]), int(faces[face, 1]), int(faces[face, 2])
    ax, ay, az = screen[a, 0], screen[a, 1], screen[a, 2]
    bx, by, bz = screen[b, 0] - ax, screen[b, 1] - ay, screen[b, 2] - az
    cx, cy, cz = screen[c, 0] - ax, screen[c, 1] - ay, screen[c, 2] - az
    area = bx * cy - by * cx
    if area != area or area == 0.0:
        return
    scale = 1.0 / area
    # A pixel of slack all around: the exact test follows.
    first_row = int(wp.clamp(wp.min(wp.min(by, cy), 0.0) + ay - 1.5, 0.0, float(height)))
    last_row = int(wp.clamp(wp.max(wp.max(by, cy), 0.0) + ay + 0.5, -1.0, float(height - 1)))
    low = wp.min(wp.min(bx, cx), 0.0)
    high = wp.max(wp.max(bx, cx), 0.0)
    offset = int(image[face]) * height
    for row in range(first_row, last_row + 1):
        dy = float(row) + 0.5 - ay
        cx_dy = cx * dy
        bx_dy = bx * dy
        left = low
        right = high
        # Edges lower than a pixel say too little about where a row meets them.
        if wp.abs(cy) >= 1.0:
            x = cx_dy / cy
            if cy * scale > 0.0:
                left = wp.max(left, x)
            else:
                right = wp.min(right, x)
        if wp.abs(by) >= 1.0:
            x = bx_dy / by
            if by * scale < 0.0:
                left = wp.max(left, x)
            else:
                right = wp.min(right, x)
        if wp.abs(cy - by) >= 1.0:
            x = _edge_x(bx, by, cx, cy, dy)
            if (cy - by) * scale < 0.0:
                left = wp.max(left, x)
            else:
                right = wp.min(right, x)
        first = int(wp.clamp(left + ax - 1.5, 0.0, float(width)))
        last = int(wp.clamp(right + ax + 0.5, -1.0, float(width - 1)))
        start = wp.int64(offset + row) * wp.int64(width)
        for column in range(first, last + 1):
            dx = float(column) + 0.5 - ax
            beta = (dx * cy - cx_dy) * scale
            gamma = (bx_dy - dx * by) * scale
            if beta >= 0.0 and gamma >= 0.0 and 1.0 - beta - gamma >= 0.0:
                depth = az + beta * bz + gamma * cz
                if depth >= 0.0:
                    quantised = wp.int64(wp.min(depth * _DEPTH_STEPS, _DEPTH_LIMIT))
                    key = (quantised << wp.int64(32)) | wp.int64(face)
                    pixel = start + wp.int64(column)
                    if key < keys[pixel]:
                        wp.atomic_min(keys, pixel, key)


@wp.kernel
def _resolve(
    keys: wp.array(dtype=wp.int64),
    screen: wp.array2d(dtype=float),
    faces: wp.array2d(dtype=wp.int64),
    height: int,
    width: int,
    face_id: wp.array(dtype=wp.int64),
    bary: wp.array2d(dtype=float),
    depth: wp.array(dtype=float),
):
    pixel = wp.tid()
    key = keys[pixel]
    if key == _EMPTY:
        face_id[pixel] = wp.int64(-1)
        bary[pixel, 0] = 0.0
        bary[pixel, 1] = 0.0
        bary[pixel, 2] = 0.0
        depth[pixel] = 1.0
        return
    face = key & _FACE_MASK
    face_id[pixel] = face
    a, b, c = int(faces[face, 0]), int(faces[face, 1]), int(faces[face, 2])
    ax, ay, az = screen[a, 0], screen[a, 1], screen[a, 2]
    bx, by = screen[b, 0] - ax, screen[b, 1] - ay
    cx, cy = screen[c, 0] - ax, screen[c, 1] - ay
    dx = float(pixel % width) + 0.5 - ax
    dy = float((pixel / width) % height) + 0.5 - ay
    scale = 1.0 / (bx * cy - by * cx)
    beta = (dx * cy - cx * dy) * scale
    gamma = (bx * dy - dx * by) * scale
    alpha = float(wp.float64(1.0) - wp.float64(beta) - wp.float64(gamma))
    depth[pixel] = az + beta * (screen[b, 2] - az) + gamma * (screen[c, 2] - az)
    u, v, w = alpha / screen[a, 3], beta / screen[b, 3], gamma / screen[c, 3]
    unit = 1.0 / (u + v + w)
    bary[pixel, 0] = u * unit
    bary[pixel, 1] = v * unit
    bary[pixel, 2] = w * unit


def unusable(device: str) -> str | None:
    """Compiles the kernels for "cpu" or "cuda", or finds them compiled; says why they cannot be used, if so."""
    wp.config.log_level = wp.LOG_ERROR  # no greeting on stdout
    sys.stderr.flush()
    stderr, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)  # the library itself prints there that it found no GPU
    try:
        wp.init()
        if device == "cuda" and not wp.is_cuda_available():
            return "warp finds no CUDA driver it can use"
        wp.load_module(sys.modules[__name__], device=device)
    except Exception as error:  # no cache folder to write to, no room in it, an unknown processor
        return f"warp cannot compile its kernels: {error}"
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)
        os.close(nowhere)
    return None


def draw(
    screen: torch.Tensor,
    faces: torch.Tensor,
    size: tuple[int, int],
    face_image: torch.Tensor | None,
    image_count: int,
    empty: int,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Face ids, barycentrics and depth of N pictures, flat over pixels; arguments as the torch reference has them."""
    height, width = size
    device, pixels = screen.device, image_count * height * width
    faces = faces.contiguous()
    image = faces.new_zeros(len(faces)) if face_image is None else face_image.contiguous()
    keys = torch.full((pixels,), empty, dtype=torch.int64, device=device)
    face_id = torch.empty_like(keys)
    bary = torch.empty(pixels, 3, device=device)
    depth = torch.empty(pixels, device=device)
    stream = wp.stream_from_torch(device) if device.type == "cuda" else None
    where = {"device": str(device), "stream": stream}
    with _LAUNCH:
        wp.launch(_draw, len(faces), [screen, faces, image, height, width, keys], **where)
        wp.launch(_resolve, pixels, [keys, screen, faces, height, width, face_id, bary, depth], **where)
    return face_id, bary, depth
