"""From a mask to a soft alpha channel and clean colours at the object's edge.

At each pixel near the outline the colours of the nearest sure object and the nearest sure background are taken as the
two ends of a line, and alpha is where the pixel lies between them. Where the two ends are too alike to tell, a guided
filter (He, Sun and Tang, 2013) of the mask decides. The background's share is then taken out of the colours.
"""

from __future__ import annotations

import numpy as np

_ALIKE = 0.12  # distance in RGB, [0, 1], at which the line between the two colours says as much as the guided filter


def soft_alpha(rgb: np.ndarray, mask: np.ndarray, radius: int) -> tuple[np.ndarray, np.ndarray]:
    """Alpha and clean colours.

    Args:
        rgb: (H, W, 3) float32 in [0, 1].
        mask: (H, W) bool, right to within `radius` pixels.

    Returns:
        (H, W) float32 alpha in [0, 1], and (H, W, 3) float32 colours, filled with the nearest object colour where the
        object is not opaque.
    """
    import cv2

    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    solid = mask.astype(np.uint8)
    sure_object = cv2.erode(solid, kernel, borderType=cv2.BORDER_REPLICATE) > 0
    sure_object |= _thin_parts(mask, sure_object, radius)
    sure_background = cv2.dilate(solid, kernel) == 0
    if not sure_object.any() or not sure_background.any():
        return mask.astype(np.float32), rgb
    front = _nearest(rgb, sure_object, 1 + radius / 2)
    behind = _nearest(rgb, sure_background, 1 + radius / 2)
    line = front - behind
    length = np.einsum("ijk,ijk->ij", line, line)
    along = np.clip(np.einsum("ijk,ijk->ij", rgb - behind, line) / np.maximum(length, 1e-6), 0.0, 1.0)
    guided = np.clip(guided_filter(rgb, mask.astype(np.float32), max(radius, 2), 1e-4), 0.0, 1.0)
    trust = length / (length + _ALIKE**2)
    alpha = trust * along + (1 - trust) * guided
    # Near the sure regions the line must not bring back specks of background or eat into the object.
    alpha = np.clip(alpha, np.clip(2 * guided - 1, 0, 1), np.clip(2 * guided, 0, 1))
    alpha = np.where(sure_object, 1.0, np.where(sure_background, 0.0, _steepen(alpha))).astype(np.float32)
    unmixed = (rgb - (1 - alpha[..., None]) * behind) / np.maximum(alpha[..., None], 0.25)
    share = alpha[..., None] ** 2
    colours = np.where(share >= 1, rgb, share * np.clip(unmixed, 0, 1) + (1 - share) * front)
    return alpha, colours.astype(np.float32)


def guided_filter(guide: np.ndarray, values: np.ndarray, radius: int, epsilon: float) -> np.ndarray:
    """Smooth (H, W) `values` along the edges of the (H, W, 3) `guide`, both float32 in [0, 1]."""
    import cv2

    def mean(picture: np.ndarray) -> np.ndarray:
        return cv2.blur(picture, (2 * radius + 1, 2 * radius + 1), borderType=cv2.BORDER_REFLECT)

    mean_guide, mean_values = mean(guide), mean(values)
    covariance = mean(guide * values[..., None]) - mean_guide * mean_values[..., None]
    rr, rg, rb, gg, gb, bb = (
        mean(guide[..., i] * guide[..., j])
        - mean_guide[..., i] * mean_guide[..., j]
        + (epsilon if i == j else 0.0)
        for i, j in ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2))
    )
    # The inverse of the symmetric 3 × 3 matrix, written out: a batched solve is ten times slower.
    i_rr, i_rg, i_rb = gg * bb - gb * gb, gb * rb - rg * bb, rg * gb - gg * rb
    i_gg, i_gb, i_bb = rr * bb - rb * rb, rb * rg - rr * gb, rr * gg - rg * rg
    determinant = np.maximum(rr * i_rr + rg * i_rg + rb * i_rb, 1e-18)
    r, g, b = np.moveaxis(covariance, -1, 0)
    slope = np.stack(
        [
            (i_rr * r + i_rg * g + i_rb * b) / determinant,
            (i_rg * r + i_gg * g + i_gb * b) / determinant,
            (i_rb * r + i_gb * g + i_bb * b) / determinant,
        ],
        axis=-1,
    )
    offset = mean_values - np.einsum("ijk,ijk->ij", slope, mean_guide)
    return np.einsum("ijk,ijk->ij", mean(slope), guide) + mean(offset)


def fill_hidden(rgb: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Give wholly transparent pixels of an (H, W, 3) uint8 picture the colour of the nearest visible one.

    What a file stores there is arbitrary, often black, and would bleed into the edge when the picture is scaled.
    """
    visible = alpha > 0
    if visible.all() or not visible.any():
        return rgb
    return np.where(visible[..., None], rgb, rgb.reshape(-1, 3)[_nearest_index(visible)])


def _thin_parts(mask: np.ndarray, sure: np.ndarray, radius: int) -> np.ndarray:
    """The middle of parts too thin to survive erosion, such as spoons and chair legs."""
    import cv2

    depth = cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, 3)
    ridge = (depth >= cv2.dilate(depth, np.ones((3, 3), dtype=np.uint8)) - 0.5) & (depth >= 1.5)
    near = cv2.dilate(sure.astype(np.uint8), np.ones((2 * radius + 1,) * 2, dtype=np.uint8)) > 0
    return ridge & ~near


def _nearest(rgb: np.ndarray, where: np.ndarray, smoothing: float) -> np.ndarray:
    """At every pixel the colour of the nearest pixel in `where`, averaged over its neighbours in `where`."""
    import cv2

    size = 2 * int(np.ceil(smoothing)) + 1
    weight = cv2.blur(where.astype(np.float32), (size, size))
    smooth = (
        cv2.blur(rgb * where[..., None].astype(np.float32), (size, size))
        / np.maximum(weight, 1e-6)[..., None]
    )
    return smooth.reshape(-1, 3)[_nearest_index(where)]


def _nearest_index(where: np.ndarray) -> np.ndarray:
    """(H, W) flat index of the nearest true pixel."""
    import cv2

    _, labels = cv2.distanceTransformWithLabels(
        (~where).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    index = np.zeros(int(labels.max()) + 1, dtype=np.int64)
    index[labels[where]] = np.flatnonzero(where)
    return index[labels]


def _steepen(alpha: np.ndarray) -> np.ndarray:
    """Push values near 0 and 1 all the way, so that noise leaves no haze."""
    return np.clip((alpha - 0.08) / 0.84, 0.0, 1.0)
