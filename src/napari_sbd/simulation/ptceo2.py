"""The benchmark of the SBD paper, platinum on ceria, laid out as specifications of every image.

Mohan et al. (arXiv 2010.12970) and Vincent et al. (Microsc. Microanal. 27 (2021) 1431) denoise
17,955 multislice images of a platinum particle on a ceria (111) slab, both along [1-10]: atomic
models of four particles PtNp1 to PtNp4 with the defects D0, D1, D2, Dh and Ds in 14 combinations,
supports 30, 40, 50 and 60 Å thick (some 56 % of the images at 50 Å), a tilt of 0 to 4 degrees about
x or about y, and a defocus of 0 to 20 nm. Their models are not public. The grid here has the same
axes and shares: 95 models x 9 tilts x 21 defoci = 17,955 images. The shapes are ours, and so is the
meaning of the defects, which the paper does not define:

D0
    none.
D1, D2
    One or two whole columns are missing at the particle's surface.
Dh
    Two columns of the surface have half of their atoms.
Ds
    A column with half of its neighbours' atoms is added on the surface.

Frame of a model: x right, y down, z along the beam [Å]; the slab is periodic along x.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import product

import numpy as np

from .crystals import Atoms
from .materials import block
from .optics import Optics

FIELD = 50.0  # Å, of an image; the paper's 1024 pixels of 4.88 pm
# Ten periods of ceria along [11-2]: the slab closes on itself, 8 Å of it on each side of the field.
BOX = 10 * 5.411 * math.sqrt(6) / 2
OPTICS = Optics(
    kilovolt=300,
    cs=-13,
    c5=0,
    focal_spread=4,
    convergence=0.2,
    image_spread=50,
    aperture=12.5,
)
DEFOCUS_NM = tuple(range(21))
TILTS_DEG = ((0, 0), *((t, 0) for t in range(1, 5)), *((0, t) for t in range(1, 5)))
THICKNESS_NM = (3, 4, 5, 6)
DEFECTS = {
    "PtNp1": ("D0", "D1", "D2", "Dh", "Ds"),
    "PtNp2": ("D0", "D1", "Dh", "Ds"),
    "PtNp3": ("D0", "D1", "D2"),
    "PtNp4": ("D0", "D1"),
}
# Models 5 nm thick of each combination. 14 + 14 + 53 + 14 models give the paper's number of images.
_VARIANTS = 4
_THREE_VARIANTS = (("PtNp3", "D2"), ("PtNp4", "D0"), ("PtNp4", "D1"))
_HELD_OUT_STEP = 7  # every seventh model is for validation, every seventh for the test

_SURFACE_Y = 0.63 * BOX  # of the slab's last cerium plane
_OXYGEN_ABOVE = 0.79  # Å, oxygen plane that ends the slab, above that cerium plane
_GAP = 2.3  # Å between oxygen and platinum
_STEP = 3.124  # Å, one (111) layer of ceria
_PT_LAYER = 3.924 / math.sqrt(3)
_NEIGHBOUR = 3.0  # Å in projection: six columns around one in the bulk of platinum along [1-10]


@dataclass(frozen=True)
class _Shape:
    """Truncated octahedron: distance of {111} faces [Å], of {100} relative to it, (111) layers."""

    radius: float
    cube: float
    layers: int
    below: int  # layers between the octahedron's centre and the support
    stepped: bool = False


_SHAPES = {
    "PtNp1": _Shape(10.5, 1.10, 5, 2),
    "PtNp2": _Shape(12.5, 1.15, 6, 2),
    "PtNp3": _Shape(10.5, 1.00, 5, 1, stepped=True),
    "PtNp4": _Shape(12.5, 0.92, 5, 1),
}


@dataclass(frozen=True)
class Model:
    """One atomic model of the grid.

    Parameters
    ----------
    number
        Place in the grid; together with ``seed`` it determines every atom.
    particle, defect
        A key of ``DEFECTS`` and one of its values.
    thickness_nm
        Of the slab along the beam.
    variant
        Counts models that agree in all of these; they differ in registry and place of defects.
    split
        train, validation or test.
    seed
        Of the whole grid.
    """

    number: int
    particle: str
    defect: str
    thickness_nm: int
    variant: int
    split: str
    seed: int

    @property
    def name(self) -> str:
        return f"{self.particle}_{self.defect}_{self.thickness_nm}nm_{self.variant}"


@dataclass(frozen=True)
class View:
    """A model under one tilt: what needs an exit wave, and serves every defocus.

    Parameters
    ----------
    model
        The atoms.
    tilt_x_deg, tilt_y_deg
        Rotation about x and about y; one of them is zero.
    """

    model: Model
    tilt_x_deg: int
    tilt_y_deg: int

    @property
    def name(self) -> str:
        return f"{self.model.name}_x{self.tilt_x_deg}y{self.tilt_y_deg}"


def grid(seed: int = 0) -> list[View]:
    """List all 855 views of the benchmark; each gives an image at every ``DEFOCUS_NM``.

    A model with all its tilts and defoci belongs to one split: of the models in the order of
    particle and thickness (shuffled within), every seventh is for validation and the one after it
    for the test, so that both hold every particle, and some 70 % are left for training.
    """
    combinations = []
    for particle, defects in DEFECTS.items():
        for defect, thickness in product(defects, THICKNESS_NM):
            fewer = (particle, defect) in _THREE_VARIANTS
            variants = _VARIANTS - fewer if thickness == 5 else 1
            combinations += [(particle, defect, thickness, v) for v in range(variants)]
    models = [Model(i, *c, "train", seed) for i, c in enumerate(combinations)]
    chance = np.random.default_rng([seed, 5]).permutation(len(models))
    order = sorted(models, key=lambda m: (m.particle, m.thickness_nm, chance[m.number]))
    for place, model in enumerate(order):
        split = {3: "validation", 4: "test"}.get(place % _HELD_OUT_STEP, "train")
        models[model.number] = replace(model, split=split)
    return [View(model, *tilt) for model in models for tilt in TILTS_DEG]


def atoms_of(view: View) -> tuple[Atoms, np.ndarray]:
    """Build the tilted atoms of a view.

    Parameters
    ----------
    view
        From ``grid``.

    Returns
    -------
    atoms
        Tag 0 slab, 1 particle, 2 added column; x and y within ``[0, BOX]``.
    columns : (N, 6) float array
        x and y [Å] from the field's upper left corner (mean of the column's atoms), atomic number,
        number of atoms, tag, and 1 for columns at the particle's surface.
    """
    upright, surface = _model(view.model)
    p = upright.positions.copy()
    depth = p[:, 2] - view.model.thickness_nm * 5
    # Rotations by a few degrees shear the columns; lengths change by less than 0.3 %.
    p[:, 0] += math.tan(math.radians(view.tilt_y_deg)) * depth
    p[:, 1] -= math.tan(math.radians(view.tilt_x_deg)) * depth
    columns = _columns(upright, p, surface)
    p[:, 0] %= BOX
    return upright.moved(p), columns


def optics(defocus_nm: float) -> Optics:
    """Microscope of the benchmark at a defocus [nm]."""
    return replace(OPTICS, defocus=defocus_nm)


def _model(model: Model) -> tuple[Atoms, np.ndarray]:
    """Atoms that are not tilted, and a mask of those in the particle's surface columns."""
    rng = np.random.default_rng([model.seed, 6, model.number])
    shape, thickness = _SHAPES[model.particle], 10.0 * model.thickness_nm
    slab = _slab(rng, thickness, shape.stepped)
    body = _particle(rng, shape, model.defect)
    exposed = _exposed(body)
    p = body.positions.copy()
    if rng.random() < 0.5:  # the other of the two (111) stackings
        p[:, 0] *= -1
    p[:, 0] += BOX / 2 + rng.uniform(-3, 3)
    p[:, 1] = _SURFACE_Y - _OXYGEN_ABOVE - _GAP - (p[:, 1] - p[:, 1].min())
    free = max(0.0, thickness - np.ptp(p[:, 2])) / 2
    p[:, 2] += thickness / 2 + rng.uniform(-free, free)
    surface = np.concatenate([np.zeros(len(slab), bool), exposed])
    return slab + body.moved(p), surface


def _slab(rng: np.random.Generator, thickness: float, stepped: bool) -> Atoms:
    """Ceria that ends in a plane of oxygen, with a terrace beside the particle or without."""
    reach = (0.55 * BOX, 0.5 * BOX, 0.55 * thickness)
    atoms = block("CeO2", (1, -1, 0), (1, 1, 1), reach)
    p = atoms.positions
    if stepped:
        # up within the field and down again at the rim
        edge = rng.uniform(0.28, 0.34) * BOX
        top = np.where(np.abs(p[:, 0]) > edge, _STEP, 0.0)
    else:
        top = np.zeros(len(p))
    # half a period of the lattice off centre, so that no atom lies on a face of the box
    inside = (p[:, 0] > 0.3 - BOX / 2) & (p[:, 0] < 0.3 + BOX / 2) & (p[:, 1] < top + 1.2)
    inside &= (_SURFACE_Y - p[:, 1] < BOX - 2.5) & (np.abs(p[:, 2] - 0.9) < thickness / 2)
    atoms = atoms.select(inside)
    p = atoms.positions
    x = p[:, 0] + BOX / 2 + rng.uniform(0, 6.6)
    z = p[:, 2] + thickness / 2 - 0.9
    return atoms.moved(np.stack([x % BOX, _SURFACE_Y - p[:, 1], z], 1))


def _particle(rng: np.random.Generator, shape: _Shape, defect: str) -> Atoms:
    """Platinum with y up and its centre near zero, defects made."""
    whole = block("Pt", (1, -1, 0), (1, 1, 1), (1.6 * shape.radius,) * 3)
    layer = np.rint(whole.positions[:, 1] / _PT_LAYER)
    facets = (
        np.abs(whole.positions @ _normals()) <= shape.radius * np.r_[[1.0] * 4, [shape.cube] * 3]
    )
    inside = facets.all(1) & (layer >= -shape.below) & (layer < shape.layers - shape.below)
    body = whole.select(inside).tagged(1)
    columns, index = _grouped(body)
    exposed = _exposed(body)
    surface = rng.permutation(np.unique(index[exposed]))
    if defect in ("D1", "D2"):
        return body.select(~np.isin(index, surface[: int(defect[1])]))
    if defect == "Dh":
        for column in surface[:2]:
            body, index = _halved(body, index, column)
    if defect == "Ds":
        above = whole.select(~inside & (layer > -shape.below))
        body = body + _added(rng, above, columns, np.ptp(body.positions[:, 2]) / 4)
    return body


def _normals() -> np.ndarray:
    """(3, 7) unit normals of {111} and {100} in the frame of ``block``, one of each pair."""
    z, y = np.array([1, -1, 0]) / math.sqrt(2), np.ones(3) / math.sqrt(3)
    octahedron = np.array([[1, 1, 1], [-1, 1, 1], [1, -1, 1], [1, 1, -1]]) / math.sqrt(3)
    result: np.ndarray = (
        np.stack([np.cross(y, z), y, z]) @ np.concatenate([octahedron, np.eye(3)]).T
    )
    return result


def _halved(body: Atoms, index: np.ndarray, column: int) -> tuple[Atoms, np.ndarray]:
    """Take every atom away from one half of a column."""
    z = body.positions[:, 2]
    keep = (index != column) | (z <= np.median(z[index == column]))
    return body.select(keep), index[keep]


def _added(
    rng: np.random.Generator, around: Atoms, columns: np.ndarray, half_length: float
) -> Atoms:
    """One column of lattice sites that touches two columns of the particle or more."""
    sites, index = _grouped(around)
    near = np.linalg.norm(sites[:, None] - columns[None], axis=-1) < _NEIGHBOUR
    chosen = rng.choice(np.flatnonzero(near.sum(1) >= 2))
    kept = (index == chosen) & (np.abs(around.positions[:, 2]) <= half_length)
    return around.select(kept).tagged(2)


def _exposed(body: Atoms) -> np.ndarray:
    """Mask of atoms in columns with less than six neighbours, those on the support left out."""
    columns, index = _grouped(body)
    distance = np.linalg.norm(columns[:, None] - columns[None], axis=-1)
    exposed = (distance < _NEIGHBOUR).sum(1) - 1 < 6
    result: np.ndarray = (exposed & (columns[:, 1] > columns[:, 1].min() + 0.5))[index]
    return result


def _grouped(atoms: Atoms) -> tuple[np.ndarray, np.ndarray]:
    """(N, 2) columns of an upright model of one element, and each atom's column."""
    places, index = np.unique(
        np.round(atoms.positions[:, :2], 1) + 0.0, axis=0, return_inverse=True
    )
    return places, index.ravel()


def _columns(upright: Atoms, tilted: np.ndarray, surface: np.ndarray) -> np.ndarray:
    from .scattering import ATOMIC_NUMBER

    number = np.array([ATOMIC_NUMBER[str(e)] for e in upright.elements])
    # oxygen and cerium may project onto each other, so the element is part of the key
    key = np.column_stack([number, np.round(upright.positions[:, :2], 1) + 0.0])
    _, index = np.unique(key, axis=0, return_inverse=True)
    index = index.ravel()
    size = np.bincount(index)
    facts = (tilted[:, 0], tilted[:, 1], number, upright.tags, surface)
    x, y, z, tag, exposed = (np.bincount(index, v) / size for v in facts)
    corner = (BOX - FIELD) / 2
    return np.stack([x % BOX - corner, y - corner, z, size, tag, exposed], 1)
