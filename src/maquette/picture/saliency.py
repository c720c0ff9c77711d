"""Which part of a picture is the object, without learned weights, at a small working size.

The prior is robust background detection (Zhu, Liang, Wei and Sun, "Saliency Optimization from Robust Background
Detection", 2014): regions that hang together with the picture's border over a long stretch, for their size, are
background. GrabCut (Rother, Kolmogorov and Blake, 2004) then finds the outline, once in RGB and once in Lab, and the
result that agrees better with the prior is taken.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

WORKING_SIDE = 288
"""Longer side of the picture that `find_object` works on; larger is slower and not better."""

_REGIONS = 300
_COLOUR_REACH = 7.0  # Lab distance along a path over which regions still count as one
_CUT_THROUGH = 14.0  # Lab contrast across the outline under which it probably runs through the object


@dataclass(frozen=True)
class FoundObject:
    """An object at working size.

    Attributes:
        mask: (h, w) bool.
        agreement: overlap (intersection over union) of mask and prior in [0, 1]; below about 0.8 the picture is busy.
        contrast: Lab contrast across the outline that all but a fifth of it exceeds.
    """

    mask: np.ndarray
    agreement: float
    contrast: float


def find_object(rgb: np.ndarray) -> FoundObject:
    """Segment the object in (h, w, 3) uint8 at working size. Deterministic; the mask may be empty."""
    import cv2

    lab = to_lab(rgb)
    background, saliency = background_prior(rgb)
    prior = 1.0 - background
    trimap = _trimap(background, saliency)
    lab8 = cv2.cvtColor(rgb, cv2.COLOR_RGB2LAB)
    candidates = [grabcut(picture, trimap, 5) for picture in (rgb, lab8)]
    best = max(candidates, key=lambda mask: _overlap(mask, prior))
    if best.any() and outline_contrast(lab, best) < _CUT_THROUGH:
        # The object fills the frame and so looks like its own background; all that is left to go by is the middle.
        middle = grabcut(lab8, _middle_trimap(best.shape), 5)
        if outline_contrast(lab, middle) > 0.6 * outline_contrast(lab, best):
            best = middle
    return FoundObject(best, _overlap(best, prior), outline_contrast(lab, best))


def background_prior(rgb: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(h, w) probability of background, and (h, w) saliency, both in [0, 1], constant over each of some 300 regions."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import dijkstra
    from skimage.segmentation import slic

    regions = slic(rgb, n_segments=_REGIONS, compactness=15, start_label=0, channel_axis=-1)
    height, width = regions.shape
    flat, count = regions.ravel(), int(regions.max()) + 1
    pixels = np.bincount(flat, minlength=count)
    y, x = np.mgrid[:height, :width]

    def mean(channel: np.ndarray) -> np.ndarray:
        return np.bincount(flat, channel.ravel(), minlength=count) / pixels

    colour = np.stack([mean(channel) for channel in np.moveaxis(to_lab(rgb), -1, 0)], axis=1)
    place = np.stack([mean(x / width), mean(y / height)], axis=1)
    colour_distance = np.linalg.norm(colour[:, None] - colour[None], axis=2)
    distance = np.linalg.norm(place[:, None] - place[None], axis=2)

    touching = np.zeros((count, count), dtype=bool)
    touching[regions[:, :-1].ravel(), regions[:, 1:].ravel()] = True
    touching[regions[:-1].ravel(), regions[1:].ravel()] = True
    touching |= touching.T
    np.fill_diagonal(touching, False)
    if count < 3 or not touching.any():
        return np.ones(rgb.shape[:2]), np.zeros(rgb.shape[:2])
    border = np.zeros(count, dtype=bool)
    border[np.concatenate([regions[0], regions[-1], regions[:, 0], regions[:, -1]])] = True

    # Paths may run along the border for free, and steps as small as between like regions cost nothing.
    linked = np.triu(touching | (border[:, None] & border[None]), 1)
    one, other = np.nonzero(linked)
    free = np.where(touching, colour_distance, np.inf).min(axis=1).mean()
    cost = np.maximum(colour_distance[one, other] - free, 1e-6)
    path = dijkstra(coo_matrix((cost, (one, other)), shape=(count, count)).tocsr(), directed=False)
    alike = np.exp(-(path**2) / (2 * _COLOUR_REACH**2))
    on_border = alike[:, border].sum(axis=1) / np.sqrt(alike.sum(axis=1))
    background = 1 - np.exp(-(on_border**2) / 2)

    contrast = (colour_distance * np.exp(-(distance**2) / (2 * 0.4**2)) * background).sum(axis=1)
    contrast = (contrast - contrast.min()) / max(float(np.ptp(contrast)), 1e-9)
    saliency = _smooth_over_regions(background, contrast, touching, colour_distance)
    return background[regions], saliency[regions]


def _smooth_over_regions(
    background: np.ndarray, contrast: np.ndarray, touching: np.ndarray, colour_distance: np.ndarray
) -> np.ndarray:
    """Least squares: 0 where background is likely, 1 where the contrast is high, alike in like neighbours."""
    count = len(background)
    near = (touching.astype(np.float32) @ touching.astype(np.float32) > 0) | touching
    np.fill_diagonal(near, False)
    tie = np.where(near, np.exp(-(colour_distance**2) / (2 * 10.0**2)) + 0.1, 0.0)
    pull = np.where(background < 0.02, 0.0, background)
    system = np.diag(pull + contrast + tie.sum(axis=1) + 1e-6) - tie
    saliency = np.linalg.solve(system, contrast) if count else contrast
    return (saliency - saliency.min()) / max(float(np.ptp(saliency)), 1e-9)


def outline_contrast(lab: np.ndarray, mask: np.ndarray) -> float:
    """The Lab distance between just inside and just outside that four fifths of the outline exceed."""
    import cv2

    small = np.ones((3, 3), dtype=np.uint8)
    solid = mask.astype(np.uint8)
    grown, shrunk = cv2.dilate(solid, small) > 0, cv2.erode(solid, small) > 0

    def mean_of(where: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        weight = cv2.boxFilter(where.astype(np.float32), -1, (9, 9))
        summed = cv2.boxFilter(lab * where[..., None].astype(np.float32), -1, (9, 9))
        return summed / np.maximum(weight, 1e-3)[..., None], weight > 0.02

    (inside, has_inside), (outside, has_outside) = mean_of(shrunk), mean_of(~grown)
    outline = grown & ~shrunk & has_inside & has_outside
    outline[:2] = outline[-2:] = outline[:, :2] = outline[:, -2:] = False
    distances = np.linalg.norm(inside - outside, axis=2)[outline]
    return float(np.percentile(distances, 20)) if distances.size else 0.0


def _trimap(background: np.ndarray, saliency: np.ndarray) -> np.ndarray:
    """GrabCut's starting labels: sure and likely, background and object."""
    import cv2

    scaled = (np.clip(saliency, 0, 1) * 255).astype(np.uint8)
    threshold = cv2.threshold(scaled, 0, 255, cv2.THRESH_OTSU)[0] / 255
    likely = ((background < 0.5) & (saliency > 0.8 * threshold)) | (saliency > 1.3 * threshold)
    trimap = np.where(likely, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    trimap[(background > 0.95) & (saliency < 0.5 * threshold)] = cv2.GC_BGD
    core = ((background < 0.15) & (saliency > threshold)).astype(np.uint8)
    trimap[cv2.erode(core, np.ones((5, 5), dtype=np.uint8)) > 0] = cv2.GC_FGD
    return trimap


def _middle_trimap(shape: tuple[int, ...]) -> np.ndarray:
    """Starting labels that know nothing but that the object is in the middle."""
    import cv2

    height, width = shape
    y, x = np.mgrid[:height, :width]
    radius = np.hypot(2 * y / height - 1, 2 * x / width - 1)
    trimap = np.where(radius < 0.75, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    trimap[radius < 0.3] = cv2.GC_FGD
    trimap[radius > 1.25] = cv2.GC_BGD
    return trimap


def grabcut(picture: np.ndarray, labels: np.ndarray, iterations: int) -> np.ndarray:
    """Settle the likely ones among GrabCut's labels, always in the same way.

    Args:
        picture: (h, w, 3) uint8 in any colour space.
        labels: (h, w) uint8 of OpenCV's GC_BGD, GC_FGD, GC_PR_BGD and GC_PR_FGD; not changed.

    Returns:
        (h, w) bool, all false where the labels leave one of the two sides without a pixel.
    """
    import cv2

    labels = labels.copy()
    is_object = np.isin(labels, (cv2.GC_FGD, cv2.GC_PR_FGD))
    if is_object.all() or not is_object.any():
        return np.zeros(labels.shape, dtype=bool)
    cv2.setRNGSeed(0)  # GrabCut starts with k-means, which draws from OpenCV's own generator
    models = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.grabCut(picture, labels, None, *models, iterations, cv2.GC_INIT_WITH_MASK)  # type: ignore[call-overload]
    return np.isin(labels, (cv2.GC_FGD, cv2.GC_PR_FGD))


def to_lab(rgb: np.ndarray) -> np.ndarray:
    """(h, w, 3) uint8 RGB to float32 CIE Lab."""
    import cv2

    return cv2.cvtColor(rgb.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)


def _overlap(mask: np.ndarray, prior: np.ndarray) -> float:
    return float(np.minimum(mask, prior).sum() / max(float(np.maximum(mask, prior).sum()), 1e-9))
