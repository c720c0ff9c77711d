"""Taking light out of a picture: the brightness that goes with the direction of the surface is shading, not paint.

Under distant light the shading of a matte surface is a smooth function of its normal, well described by spherical
harmonics of the second order (Ramamoorthi and Hanrahan, 2001). Their eight coefficients are fitted to the logarithm of
brightness, apart from a level of its own for each colour in the picture, so that a dark roof over a white wall is not
taken for shadow; what does not fit has little say. Where the fit says nothing, the picture stays as it is.
"""

from __future__ import annotations

import numpy as np

_LUMA = np.array([0.2126, 0.7152, 0.0722], np.float32)
_SAMPLES = 20_000
_CELLS = 50  # along each side of the plane of hues in which paints are told apart
_ONE_PAINT = 2.2  # cells that the light may move a paint there
_LEVEL_STEP = 0.8  # of log brightness: greater steps of one colour are another paint
_RIDGE = 0.01  # of the pixels: holds coefficients of directions that are hardly seen
_MOST = 1.0  # of log brightness that shading may take or give
_LIT = 0.88  # share of what is seen that is darker than paint seen in full light


def without_shading(rgb: np.ndarray, normal: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """A picture as if every side of its object were lit alike.

    Args:
        rgb: (H, W, 3) float32 sRGB in [0, 1].
        normal: (H, W, 3) float32 unit normals of the surface that each pixel shows.
        inside: (H, W) bool: the pixels that show the surface.

    Returns:
        (H, W, 3) float32; pixels outside are left alone.
    """
    place = np.flatnonzero(inside)
    if len(place) < 100:
        return rgb
    sample = place[:: max(1, len(place) // _SAMPLES)]
    linear = _linear(rgb.reshape(-1, 3)[sample])
    bright = linear @ _LUMA
    basis = _harmonics(normal.reshape(-1, 3)[sample])
    usable = (bright > 2e-3) & (linear.max(1) < 0.98)
    if usable.sum() < 100:
        return rgb
    coefficients = _fit(basis[usable], np.log(bright[usable]), _paints(linear[usable]))
    shade = basis @ coefficients
    lit = np.quantile(shade, _LIT)
    change = np.clip(lit - _harmonics(normal.reshape(-1, 3)[place]) @ coefficients, -_MOST, _MOST)
    result = rgb.reshape(-1, 3).copy()
    result[place] = _encoded(_linear(result[place]) * np.exp(change)[:, None])
    return result.reshape(rgb.shape)


def _fit(basis: np.ndarray, level: np.ndarray, paint: np.ndarray) -> np.ndarray:
    """(8,) coefficients by reweighted least squares, the mean of each paint being free."""
    coefficients = np.zeros(basis.shape[1])
    weight = np.ones(len(level))
    group = paint
    for _ in range(8):
        count = int(group.max()) + 1
        mass = np.maximum(np.bincount(group, weight, count), 1e-9)
        means = np.stack([np.bincount(group, weight * column, count) / mass for column in (*basis.T, level)])
        centred, target = basis - means[:-1].T[group], level - means[-1][group]
        matrix = (centred * weight[:, None]).T @ centred + _RIDGE * len(level) * np.eye(basis.shape[1])
        coefficients = np.linalg.solve(matrix, (centred * weight[:, None]).T @ target)
        rest = level - basis @ coefficients
        middle = _medians(rest, paint)
        steps = np.rint((rest - middle[paint]) / _LEVEL_STEP).astype(np.int64)
        group = np.unique(paint * 64 + steps.clip(-16, 16) + 32, return_inverse=True)[1].reshape(-1)
        off = rest - _medians(rest, group)[group]
        weight = 1 / (1 + (off / 0.15) ** 2)
    return coefficients


def _medians(values: np.ndarray, group: np.ndarray) -> np.ndarray:
    """(G,) median of the values of each group."""
    order = np.lexsort((values, group))
    ends = np.cumsum(np.bincount(group))
    starts = np.concatenate([[0], ends[:-1]])
    return values[order][(starts + (ends - starts) // 2).clip(max=len(values) - 1)]


def _paints(linear: np.ndarray) -> np.ndarray:
    """(P,) a number for each hue and saturation that is common among (P, 3) linear colours, the peaks of counts."""
    from scipy.ndimage import gaussian_filter

    share = linear / (linear.sum(1, keepdims=True) + 0.02)
    cell = np.rint(share[:, :2] * _CELLS).astype(np.int64)
    width = _CELLS + 3
    cell = (cell[:, 0] + 1) * width + cell[:, 1] + 1
    counts = np.bincount(cell, minlength=width**2).reshape(width, width).astype(np.float64)
    hill = np.pad(
        gaussian_filter(counts, _ONE_PAINT, mode="constant")[1:-1, 1:-1], 1, constant_values=-1.0
    ).ravel()
    steps = np.array([0, -width - 1, -width, 1 - width, -1, 1, width - 1, width, width + 1])
    inner = np.flatnonzero(hill >= 0)
    uphill = np.arange(width**2)
    uphill[inner] += steps[hill[inner[:, None] + steps].argmax(1)]
    while not np.array_equal(uphill[uphill], uphill):
        uphill = uphill[uphill]
    return np.unique(uphill[cell], return_inverse=True)[1].reshape(-1)


def _harmonics(normal: np.ndarray) -> np.ndarray:
    """(P, 8) the real spherical harmonics of the first and second order, without their constants."""
    x, y, z = normal.astype(np.float64).T
    return np.stack([x, y, z, x * y, y * z, z * x, x * x - y * y, 3 * z * z - 1], 1)


def _linear(srgb: np.ndarray) -> np.ndarray:
    return np.where(srgb <= 0.04045, srgb / 12.92, ((srgb.clip(0) + 0.055) / 1.055) ** 2.4)


def _encoded(linear: np.ndarray) -> np.ndarray:
    """To sRGB; what is brighter than white loses brightness and keeps its hue."""
    linear = linear / np.maximum(linear.max(1, keepdims=True), 1.0)
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear.clip(1e-8) ** (1 / 2.4) - 0.055)
