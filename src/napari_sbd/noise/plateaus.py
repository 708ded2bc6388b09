"""Many pixels of one and the same extreme value: saturation, scale bars, text, blank corners."""

from __future__ import annotations

import numpy as np

from . import chance

_LEAST = 4  # connected pixels
_CROWD = 4.0  # times as many pixels as in the eighth of the range beside the extreme value
_MOST = 0.3  # of a frame
_BAR = 3, 8  # px, narrowest and shortest scale bar
_BLANK = 64  # pixels of a corner without data
_CONVEX = 0.97  # of the convex hull of such a corner, which it fills
_STAIRS = 1.0  # px along the longer side, that the steps of a slanted edge leave of the hull
_FEW = 10_000  # pixels, up to which it is looked whether they touch
_GLARE = 20.0  # standard deviations of its surroundings, beyond which a spot spoils these
_LIT = 5.0  # of them, up to which they are spoilt
_SOFT = 1.3  # times the saturated area, beyond which the light around it falls slowly
_FOOT = 0.3  # of the radius of the lit area
_NEAR = 1.0  # lengths of a scale bar within which its text stands
_NARROW = 3  # px along both sides of an empty corner, at least
_TIP = 2  # px, width of its tips, which the opening by 3 x 3 px takes off
_BESIDE, _FARTHER = (1, 2), (10, 16)  # px from it, between which the image is as bright
_CUT = 0.5  # of that farther away, at least
_SPARSE = 0.75  # of the pixels beside it, beyond which its value is nothing special


def find_plateaus(frame: np.ndarray) -> dict[str, np.ndarray]:
    """Find saturated spots, burned-in annotations and corners that hold no data.

    Parameters
    ----------
    frame
        (Y, X).

    Returns
    -------
    Masks (Y, X) bool under "saturated", "annotation" and "unwritten"; none where there are none.
    """
    result: dict[str, np.ndarray] = {}
    for top in (True, False):
        at = _crowded(frame, top)
        if at is not None:
            for kind, mask in _sorted_out(frame, at, top).items():
                result[kind] = result[kind] | mask if kind in result else mask
    return result


def find_corners(frame: np.ndarray) -> np.ndarray:
    """Find corners without data, whatever value stands there, as where a frame was turned.

    They have straight edges at which the image begins at once, and hold more equal values than
    chance puts together.

    Parameters
    ----------
    frame
        (Y, X).

    Returns
    -------
    (Y, X) bool.
    """
    result = np.zeros(frame.shape, bool)
    for view, found in zip(_from_corners(frame), _from_corners(result), strict=True):
        sides = view[:, 0], view[0]
        box = [int(np.argmax(np.append(side != side[0], True))) for side in sides]
        if min(box) >= _NARROW and np.prod(box) >= 2 * _BLANK and np.isfinite(view[0, 0]):
            wide = tuple(slice(n + _FARTHER[1]) for n in box)
            found[wide] |= _corner(view[wide], box, frame.size)
    return result


def _from_corners(image: np.ndarray) -> list[np.ndarray]:
    """An image as seen from each of its corners."""
    return [image[::y, ::x] for y in (1, -1) for x in (1, -1)]


def _corner(frame: np.ndarray, box: list[int], size: int) -> np.ndarray:
    """(h, w) bool, the empty corner at the first pixel of part of a frame, within a box."""
    from scipy.ndimage import binary_dilation, binary_opening, distance_transform_cdt, label

    value, square, nothing = frame[0, 0], np.ones((3, 3), bool), np.zeros(frame.shape, bool)
    at = nothing.copy()
    at[: box[0], : box[1]] = frame[: box[0], : box[1]] == value
    labels, _ = label(binary_opening(at, square))
    if not labels[0, 0]:
        return nothing
    corner = labels == labels[0, 0]
    held = int(corner.sum())
    reach = tuple(slice(np.flatnonzero(corner.any(axis))[-1] + 1) for axis in (1, 0))
    stairs = _STAIRS * max(box)
    if not _BLANK <= held <= _MOST * size or _hull(corner[reach]) - held > stairs:
        return nothing
    corner = binary_dilation(corner, square) & at
    off = distance_transform_cdt(~corner)
    near, far = (
        np.abs(frame[(off > inner) & (off <= outer) & np.isfinite(frame)] - float(value))
        for inner, outer in (_BESIDE, _FARTHER)
    )
    if not near.size or not far.size or near.mean() < _CUT * far.mean():
        return nothing
    share = float((near == 0).mean())
    if share > _SPARSE or held * -np.log(max(share, 1e-9)) < chance.RARITY + 2 * stairs:
        return nothing
    # its tips are narrow, and so is what may connect it with another one
    corner[:_TIP] |= np.logical_and.accumulate(at[:_TIP], 1)
    corner[:, :_TIP] |= np.logical_and.accumulate(at[:, :_TIP], 0)
    return np.asarray(corner)


def _crowded(frame: np.ndarray, top: bool) -> np.ndarray | None:
    """Where the extreme value is, if far more pixels hold it than the distribution lets expect."""
    with np.errstate(invalid="ignore"):
        extreme = np.fmax.reduce(frame, axis=None) if top else np.fmin.reduce(frame, axis=None)
        at: np.ndarray = frame == extreme
        count = int(np.count_nonzero(at))
        if count < _LEAST or count > _MOST * frame.size or not _any_touch(at, count):
            return None
        some = frame[:: max(1, len(frame) // 128), :: max(1, frame.shape[1] // 128)]
        centre = float(np.nanmedian(some.astype(np.float64)))
        others = frame[~at & np.isfinite(frame)] if frame.dtype.kind == "f" else frame[~at]
        # at least to the next value that occurs, where values are few
        near = float(extreme) - (float(extreme) - centre) / 8
        if top:
            beside = np.count_nonzero(others >= min(near, float(others.max())))
        else:
            beside = np.count_nonzero(others <= max(near, float(others.min())))
    return at if count > _CROWD * beside else None


def _any_touch(at: np.ndarray, count: int) -> bool:
    """Whether two pixels of a mask, if they are few, touch along a row."""
    if count > _FEW:
        return True
    return bool((np.diff(np.flatnonzero(at)) == 1).any())


def _sorted_out(frame: np.ndarray, at: np.ndarray, top: bool) -> dict[str, np.ndarray]:
    from scipy.ndimage import find_objects, label

    labels, number = label(at, np.ones((3, 3)))
    sizes = np.bincount(labels.ravel(), minlength=number + 1)
    boxes = find_objects(labels)
    large = [i for i in range(1, number + 1) if sizes[i] >= _LEAST]
    bars = [i for i in large if _is_bar(boxes[i - 1], sizes[i], at.shape)]
    kinds = {}
    for i in large:
        if i in bars or any(_beside(boxes[i - 1], boxes[b - 1]) for b in bars):
            kinds[i] = "annotation"
        elif top:
            kinds[i] = "saturated"
        elif sizes[i] >= _BLANK and _is_corner(boxes[i - 1], labels == i):
            kinds[i] = "unwritten"
    saturated = np.zeros(at.shape, bool)
    spots = [i for i in kinds if kinds[i] == "saturated"]
    glaring = sum(_add_glare(frame, labels == i, boxes[i - 1], saturated) for i in spots)
    # where the contrast was cut, atoms before a dark gap glare as well
    masks = {"saturated": saturated} if glaring > len(spots) / 2 else {}
    for name in sorted(set(kinds.values()) - {"saturated"}):
        masks[name] = np.isin(labels, [i for i in kinds if kinds[i] == name])
    return masks


def _add_glare(
    frame: np.ndarray, spot: np.ndarray, box: tuple[slice, slice], mask: np.ndarray
) -> bool:
    """Add a saturated spot that is far brighter than its surroundings, and the light around it.

    What is brighter by less is an atom or a particle, of which contrast that was cut says at least
    how bright it is. Returns whether it was added.
    """
    from scipy.ndimage import binary_dilation, label

    margin = 2 * max(s.stop - s.start for s in box) + 8
    wide = tuple(
        slice(max(s.start - margin, 0), min(s.stop + margin, n))
        for s, n in zip(box, frame.shape, strict=True)
    )
    values, inner = frame[wide].astype(np.float64), spot[wide]
    edge = np.ones(values.shape, bool)
    edge[
        tuple(
            slice(4 * (s.start > 0), len(a) - 4 * (s.stop < n))
            for s, n, a in zip(wide, frame.shape, (values, values.T), strict=True)
        )
    ] = False
    if not edge.any():
        return False
    level = np.nanmedian(values[edge])
    scatter = 1.4826 * float(np.nanmedian(np.abs(values[edge] - level)))
    scatter = max(scatter, float(np.nanstd(np.clip(values[edge], None, 2 * level + 3))))
    if values[inner].max() < level + _GLARE * scatter:
        return False
    mask[wide] |= inner
    labels, _ = label(values > level + _LIT * scatter, np.ones((3, 3)))
    lit = labels == labels[inner][0]
    if (lit & edge).any():
        return True
    if lit.sum() > _SOFT * inner.sum():
        # and the foot of the flank, which is lit less than the noise shows
        lit = binary_dilation(lit, iterations=int(_FOOT * np.sqrt(lit.sum() / np.pi)) + 1)
    mask[wide] |= lit
    return True


def _is_bar(box: tuple[slice, slice], size: int, shape: tuple[int, ...]) -> bool:
    """Whether a region is a full rectangle inside the frame."""
    sides = sorted(s.stop - s.start for s in box)
    inside = all(s.start > 0 and s.stop < n for s, n in zip(box, shape, strict=True))
    full = size == sides[0] * sides[1]
    return bool(full and inside and sides[0] >= _BAR[0] and sides[1] >= _BAR[1])


def _beside(box: tuple[slice, slice], bar: tuple[slice, slice]) -> bool:
    length = max(s.stop - s.start for s in bar)
    gaps = [max(a.start - b.stop, b.start - a.stop, 0) for a, b in zip(box, bar, strict=True)]
    small = all(s.stop - s.start <= length for s in box)
    return small and max(gaps) <= _NEAR * length


def _is_corner(box: tuple[slice, slice], region: np.ndarray) -> bool:
    """Whether a region touches the border, has no holes and straight edges."""
    if not any(s.start == 0 or s.stop == n for s, n in zip(box, region.shape, strict=True)):
        return False
    return bool(region.sum() >= _CONVEX * _hull(region[box]))


def _hull(region: np.ndarray) -> int:
    """Pixels of the convex hull of a region."""
    from skimage.morphology import convex_hull_image

    return int(convex_hull_image(region).sum())
