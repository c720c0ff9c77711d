"""Plain backdrops: a smooth sheet of colour fitted to the picture's border, and the object as what differs from it.

Where a picture has one (studio shots, renders, product photographs), colour distance is crisper than any segmenter.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from maquette.picture.saliency import grabcut, outline_contrast

_INVISIBLE = 1.6  # Lab contrast under which an outline is no more than the backdrop's own unevenness
_TOLERANCE = 6.0  # Lab distance from the sheet that still counts as backdrop when judging the border


@dataclass(frozen=True)
class Backdrop:
    """A backdrop as a quadratic surface in each Lab channel.

    Attributes:
        coefficients: (6, 3), over 1, x, y, x², xy, y² with x and y in [-1, 1].
        share: part of the border that lies on it, in [0, 1].
        spread: how far the border's inliers typically stray from it, in Lab.
    """

    coefficients: np.ndarray
    share: float
    spread: float

    @property
    def is_plain(self) -> bool:
        """Whether the border is this backdrop and little else, so that colour distance alone finds the object."""
        return self.share >= 0.8 and self.spread <= 2.5

    def lab(self, height: int, width: int) -> np.ndarray:
        """(H, W, 3) float32 Lab colours of the backdrop behind the whole picture."""
        return (_terms(height, width) @ self.coefficients).astype(np.float32)


def fit_backdrop(lab: np.ndarray) -> Backdrop:
    """Fit the border of an (h, w, 3) Lab picture; an object that crosses the border in places does no harm."""
    height, width = lab.shape[:2]
    ring = np.zeros((height, width), dtype=bool)
    edge = max(2, round(0.03 * min(height, width)))
    ring[:edge] = ring[-edge:] = ring[:, :edge] = ring[:, -edge:] = True
    terms, colours = _terms(height, width)[ring], lab[ring].astype(np.float64)
    weight = np.ones(len(colours))
    centre = np.median(colours, axis=0)
    weight = 1 / (1 + (np.linalg.norm(colours - centre, axis=1) / 15.0) ** 2)
    for _ in range(12):  # reweighted least squares with Cauchy weights
        root = np.sqrt(weight)[:, None]
        system = (terms * root).T @ (terms * root) + 1e-6 * len(colours) * np.diag([0, 1, 1, 10, 10, 10])
        coefficients = np.linalg.solve(system, (terms * weight[:, None]).T @ colours)
        distance = np.linalg.norm(colours - terms @ coefficients, axis=1)
        weight = 1 / (1 + (distance / 3.0) ** 2)
    inlier = distance < _TOLERANCE
    spread = float(np.sqrt(np.mean(distance[inlier] ** 2))) if inlier.any() else np.inf
    return Backdrop(coefficients, float(inlier.mean()), spread)


def object_mask(rgb: np.ndarray, backdrop: Backdrop) -> tuple[np.ndarray, bool]:
    """What stands before the backdrop, from (h, w, 3) float32 in [0, 1]; about 480 pixels wide is best.

    The backdrop is flooded from the picture's border: over what has its colour, and over lighter and darker shades of
    it that set in gradually. Those are shadows and spots of light; an object has a sharp edge. Enclosed regions that
    look like backdrop are holes (handles, rings), others belong to the object; on a grey or white backdrop a hole that
    lies in shadow is not opened, since it could as well be a grey part. GrabCut settles the outline.

    Returns:
        (h, w) bool, and whether object and backdrop differ enough to rely on it.
    """
    import cv2

    height, width = rgb.shape[:2]
    smooth = cv2.GaussianBlur(rgb, (0, 0), 0.8)
    lab = cv2.cvtColor(smooth, cv2.COLOR_RGB2LAB)
    lab_behind = backdrop.lab(height, width)
    behind = np.clip(cv2.cvtColor(lab_behind, cv2.COLOR_LAB2RGB), 0, 1)
    # Lab exaggerates the noise of dark pixels, RGB does not.
    distance = np.minimum(
        np.linalg.norm(lab - lab_behind, axis=2), 120 * np.linalg.norm(smooth - behind, axis=2)
    )
    same = distance < max(4.0, 3.5 * backdrop.spread)

    shade = np.einsum("ijk,ijk->ij", smooth, behind) / np.maximum(
        np.einsum("ijk,ijk->ij", behind, behind), 1e-6
    )
    off_hue = np.linalg.norm(smooth - shade[..., None] * behind, axis=2)
    coloured = np.linalg.norm(lab_behind[..., 1:], axis=2) > 12
    shaded = (shade > 0.35) & (shade < 1.25) & (off_hue < 0.06) & (lab_behind[..., 0] > 20)
    edge = _edge_strength(lab)
    ring = max(2, round(0.03 * min(height, width)))
    border = np.ones((height, width), dtype=bool)
    border[ring:-ring, ring:-ring] = False
    sharp = np.clip(1.3 * np.percentile(edge[border & same], 98), 1.0, 3.5) if (border & same).any() else 1.0
    soft = shaded & (edge < sharp)

    ground = same | soft
    _, labels = cv2.connectedComponents(ground.astype(np.uint8), connectivity=4)
    outside = np.isin(labels, _on_border(labels)) & ground
    mask = _with_holes(~outside, same | (soft & (shade > np.where(coloured, 0.5, 0.9))))
    if _is_mere_outline(mask) and (~same).sum() > 1.5 * mask.sum():
        filled = _fill(~same)  # the object has the backdrop's colour and the flood ran into it
        return filled & (outline_contrast(lab, filled) > _INVISIBLE), False
    foreign = ~(same | shaded) & (distance > 15)
    if (
        mask & foreign
    ).sum() < 0.5 * mask.sum():  # the object is a shade of the backdrop: only its edge tells them apart
        return _opened(mask) & (outline_contrast(lab, mask) > _INVISIBLE), True
    return _opened(_settle_outline(rgb, mask, foreign)), True


def _opened(mask: np.ndarray) -> np.ndarray:
    """Without whiskers one or two pixels wide."""
    import cv2

    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (3, 3))
    return cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_OPEN, kernel) > 0


def _is_mere_outline(mask: np.ndarray) -> bool:
    import cv2

    size = 2 * max(1, round(0.008 * max(mask.shape))) + 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    return bool(cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_OPEN, kernel).sum() < 0.4 * mask.sum())


def _fill(mask: np.ndarray) -> np.ndarray:
    """Close small gaps and fill everything that is enclosed."""
    import cv2

    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (7, 7))
    closed = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_CLOSE, kernel) > 0
    _, labels = cv2.connectedComponents((~closed).astype(np.uint8), connectivity=4)
    return closed | ~np.isin(labels, _on_border(labels))


def _settle_outline(rgb: np.ndarray, mask: np.ndarray, foreign: np.ndarray) -> np.ndarray:
    """Let GrabCut decide in a band about the outline, where blur, compression and contact shadows mislead."""
    import cv2

    reach = 2 * max(2, round(0.018 * max(mask.shape))) + 1
    wide, narrow = np.ones((reach, reach), dtype=np.uint8), np.ones((3, 3), dtype=np.uint8)
    solid = mask.astype(np.uint8)
    core = cv2.erode((mask & foreign).astype(np.uint8), narrow) > 0
    deep = cv2.erode(solid, wide) > 0
    labels = np.where(mask, cv2.GC_PR_FGD, cv2.GC_BGD).astype(np.uint8)
    labels[cv2.dilate(solid, narrow) - solid > 0] = cv2.GC_PR_BGD
    labels[mask & ~foreign] = cv2.GC_PR_BGD
    labels[deep | core] = cv2.GC_FGD
    if not (labels == cv2.GC_FGD).any():
        return mask
    return grabcut(np.rint(rgb * 255).astype(np.uint8), labels, 3)


def _edge_strength(lab: np.ndarray) -> np.ndarray:
    """(h, w) Lab units a pixel."""
    import cv2

    across, down = (cv2.Sobel(lab, cv2.CV_32F, dx, 1 - dx, ksize=3, scale=0.125) for dx in (1, 0))
    return np.sqrt(np.einsum("ijk,ijk->ij", across, across) + np.einsum("ijk,ijk->ij", down, down))


def _on_border(labels: np.ndarray) -> np.ndarray:
    return np.unique(np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]]))


def _with_holes(mask: np.ndarray, hole_like: np.ndarray) -> np.ndarray:
    """Open the mask where an enclosed region looks like backdrop and is neither a speck nor most of the object."""
    import cv2

    inside = (mask & hole_like).astype(np.uint8)
    inside = cv2.morphologyEx(inside, cv2.MORPH_OPEN, np.ones((3, 3), dtype=np.uint8))
    _, labels, stats, _ = cv2.connectedComponentsWithStats(inside, connectivity=4)
    area = stats[:, cv2.CC_STAT_AREA]
    hole = (area > 0.0008 * mask.size) & (area < 0.35 * mask.sum())
    hole[0] = False
    return mask & ~hole[labels]


def _terms(height: int, width: int) -> np.ndarray:
    y, x = np.meshgrid(np.linspace(-1, 1, height), np.linspace(-1, 1, width), indexing="ij")
    return np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=-1)
