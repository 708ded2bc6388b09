"""Columns accepted or refused: does what is accepted lie where the clean image has it?

    python benchmarks/columns_acceptance.py [--images 36] [--dose 0.45] [--first 0]
    python benchmarks/columns_acceptance.py --validation FOLDER

Simulated images of many structures, pixel sizes and defoci (``napari_sbd.simulate``), among them
some of so little contrast that no lattice can be seen, are drawn as counts, denoised by the bundled
networks and searched for columns, judged by halves of the electrons and by the electrons that the
image was made from. The reference is what the same detector finds in the clean image, tolerance
0.27 of its spacing. FOLDER holds pairs NAME.npz and NAME.json as ``benchmarks/columns.py`` takes.

The score from which columns are accepted (``agreement.confirm.REPRODUCED``) was chosen on the
images 0 to 179; others, such as --first 5000, say how well that holds. ``told to lack some`` counts
those accepted with the warning that columns may be missing where halves show other structure.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np

import _validation
import napari_sbd as sbd

KINDS = (
    *("pt_ceo2", "metal_on_oxide", "free_particle", "crystal_edge", "grain_boundary", "sheet"),
    *("pt_ceo2", "dislocation", "metal_on_oxide", "free_particle", "pt_ceo2", "amorphous_film"),
)
PIXELS = (0.0061, 0.011, 0.0061, 0.016)  # nm
DEFOCI = (None, 0.0, 4.0, -4.0, 8.0)  # nm
LEAST = 0.8  # F1


def simulated(
    first: int, count: int, dose: float
) -> Iterator[tuple[str, sbd.Micrograph, np.ndarray]]:
    """Name, noisy image and clean one."""
    for seed in range(first, first + count):
        kind, pixel = KINDS[seed % len(KINDS)], PIXELS[seed // 2 % len(PIXELS)]
        phantom = sbd.simulate(
            kind,
            size=512 if pixel < 0.01 else 384,
            pixel_size=pixel,
            dose=dose,
            seed=seed,
            defocus=DEFOCI[seed * 7 % len(DEFOCI)],
        )
        yield f"{seed} {kind}", phantom.noisy, np.asarray(phantom.clean.data)


def validation(folder: Path) -> Iterator[tuple[str, sbd.Micrograph, np.ndarray]]:
    """The same of a folder, three draws each."""
    for name, clean, pixel in _validation.load(folder):
        for draw in range(3):
            counts = np.random.default_rng(draw).poisson(clean).astype(np.float32)
            yield f"{name} {draw}", sbd.Micrograph(counts, pixel, gain=1.0), clean


def judged(
    noisy: sbd.Micrograph, clean: np.ndarray
) -> list[tuple[bool, float, float, float, bool]]:
    """Accepted, F1, share supported, seconds, told to lack some: by halves, by all electrons."""
    denoised, reference = sbd.denoise(noisy), sbd.find_columns(None, clean)
    result = []
    for halves in (True, False):
        start = time.perf_counter()
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            table = sbd.find_columns(noisy, denoised, halves=halves)
        took = time.perf_counter() - start
        told = any("columns may be missing" in str(w.message) for w in said)
        f1 = 0.0
        if len(table) and len(reference) > 1:
            f1 = sbd.compare_columns(reference, table).f1
        share = float(table["supported"].mean()) if len(table) else np.nan
        result.append((len(table) > 0, f1, share, took, told))
    return result


def main() -> None:
    """Print one line for each image, and a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=36)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--dose", type=float, default=0.45)
    parser.add_argument("--validation", type=Path)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    cases = simulated(options.first, options.images, options.dose)
    if options.validation:
        cases = validation(options.validation)
    rows = []
    for name, noisy, clean in cases:
        rows.append(judged(noisy, clean))
        words = [f"{'kept' if a else 'refused'}, F1 {f:.2f}, {s:.0%}" for a, f, s, *_ in rows[-1]]
        print(name, "| by halves:", words[0], "| by all:", words[1], flush=True)
    kept, f1, share, took, told = np.moveaxis(np.array(rows, float), -1, 0)
    print("\n| judged by | accepted | of them F1 < 0.8 | told to lack some", end=" ")
    print("| supported | refused with F1 > 0.8 | s |")
    print("|---|---|---|---|---|---|---|")
    for way, name in enumerate(("halves", "all electrons")):
        yes = kept[:, way] > 0
        wrong = int((f1[yes, way] < LEAST).sum())
        lost = int((f1[~yes, 1] >= LEAST).sum())
        sure, seconds = np.nanmean(share[yes, way]), np.median(took[:, way])
        counts = f"{int(yes.sum())} of {len(yes)} | {wrong} | {int(told[yes, way].sum())}"
        print(f"| {name} | {counts} | {sure:.0%} | {lost} | {seconds:.2f} |")


if __name__ == "__main__":
    main()
