"""How often is a wrong pixel size told by the lattice, and how often a right one doubted?

    python benchmarks/spacings.py [--size 512]

Crystal edges, particles, defects and sheets of all materials, bright field and dark field by turns,
at 20, 200 and 3,000 electrons/Å²; the table gives the share of images that are doubted.
"""

import argparse

import numpy as np

import napari_sbd as sbd
from napari_sbd.simulation.films import SHEETS
from napari_sbd.simulation.materials import MATERIALS
from napari_sbd.spacings import doubt_pixel_size, reflections

_PIXELS = (0.0061, 0.009, 0.0125, 0.02, 0.03)  # nm
_DOSES = (20, 200, 3000)  # electrons per Å²
_FACTORS = (1, 2, 0.5, 3, 5, 0.2, 10, 0.1)


def scenes(size):
    """Clean images and their pixel sizes [nm]."""
    kinds = [("pt_ceo2", None)] * 8 + [("metal_on_oxide", None)] * 8
    kinds += [(k, m) for k in ("crystal_edge", "free_particle") for m in MATERIALS]
    kinds += [(k, None) for k in ("grain_boundary", "dislocation", "stacking_fault")] * 6
    kinds += [("sheet", m) for m in SHEETS] * 2
    rng = np.random.default_rng(1)
    for seed, (kind, material) in enumerate(kinds):
        modality = ("stem", "hrtem")[seed % 2]
        defocus = float(rng.choice([5, -5, -40])) if modality == "hrtem" else None
        pixel = float(rng.choice(_PIXELS))
        options = {"size": size, "pixel_size": pixel, "dose": 1.0, "material": material}
        phantom = sbd.simulate(kind, seed=seed, modality=modality, defocus=defocus, **options)
        yield phantom.clean.data, pixel


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=512)
    rng = np.random.default_rng(0)
    doubted = {factor: [] for factor in _FACTORS}
    silent = 0
    for clean, pixel in scenes(parser.parse_args().size):
        for dose in _DOSES:
            noisy = rng.poisson(clean * dose * (10 * pixel) ** 2).astype(np.float32)
            silent += not len(reflections(noisy).amplitude)
            for factor, found in doubted.items():
                found.append(doubt_pixel_size(noisy, (pixel * factor,) * 2) is not None)
    shown = len(doubted[1]) - silent
    print(f"{shown} images with reflections, {silent} without, which tell nothing")
    for factor, found in doubted.items():
        print(f"pixel size x {factor:<4g} doubted: {sum(found) / shown:.1%}")


if __name__ == "__main__":
    main()
