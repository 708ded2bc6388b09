"""Image pairs of another simulator, without a pixel size, as its own networks and ours see them.

    TK_R_EM=tk_r_em-1.0.4 python benchmarks/foreign_simulator.py [--models auto] [--out TABLE.md]

``TK_R_EM`` is the unpacked source archive of tk_r_em, whose ``test_data`` holds eight pairs each of
low-magnification TEM and of STEM of both magnifications, drawn with a whole camera chain. PSNR has
the range of the truth as its peak, after the straight line that fits best: the program keeps no
unit. The best of seven Gaussian blurs is taken with knowledge of the truth. The program's own
networks run where TensorFlow is installed; each was trained on images of the kind it is tried on.
"""

from __future__ import annotations

import argparse
import os
import warnings
from pathlib import Path

import h5py
import numpy as np
from scipy.ndimage import gaussian_filter

import _peers
import napari_sbd as sbd
from napari_sbd.recipe import KEY

KINDS = ("lrtem", "hrstem", "lrstem")
SIGMAS = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0)


def psnr(estimate: np.ndarray, clean: np.ndarray) -> float:
    """Of the best straight line through the estimate."""
    lines = np.stack([np.ravel(estimate), np.ones(estimate.size)], 1)
    slope, *_ = np.linalg.lstsq(lines, clean.ravel(), rcond=None)
    off = clean.ravel() - lines @ slope
    return float(10 * np.log10(np.ptp(clean) ** 2 / np.mean(off**2)))


def main() -> None:
    """Print and perhaps write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", nargs="+", default=["auto"])
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    folder = Path(os.environ.get("TK_R_EM", "")) / "tk_r_em" / "test_data"
    if not folder.is_dir():
        raise SystemExit("Set TK_R_EM to the unpacked source archive of tk_r_em.")
    rows, said = [], []
    for kind in KINDS:
        rival = _peers.tk_r_em(kind)
        with h5py.File(folder / f"sfr_{kind}.h5") as file:
            pairs = list(zip(file["x"][:, 0], file["y"][:, 0].astype(float), strict=True))
        for i, (noisy, clean) in enumerate(pairs):
            blurs = (gaussian_filter(noisy.astype(float), s) for s in SIGMAS)
            row = [
                max(psnr(b, clean) for b in blurs),
                psnr(rival(noisy), clean) if rival else np.nan,
            ]
            for model in options.models:
                with warnings.catch_warnings(record=True) as told:
                    warnings.simplefilter("always")
                    result = sbd.denoise(sbd.Micrograph(noisy), model=model)
                row.append(psnr(np.asarray(result.data, float), clean))
            settings = result.metadata[KEY]["history"][-1]["settings"]
            rows.append(row)
            said.append(
                f"| {kind} {i} | {' | '.join(f'{v:.2f}' for v in row)} | {settings['model']}, "
                f"{settings['block'][0]} | {len(told)} |"
            )
            print(said[-1], flush=True)
    head = (
        f"| pair | best blur | tk_r_em | {' | '.join(options.models)} | model, block | warnings |"
    )
    mean = f"| mean | {' | '.join(f'{v:.2f}' for v in np.mean(rows, 0))} | | |"
    table = "\n".join([head, "|---" * (head.count("|") - 1) + "|", *said, mean])
    print(mean)
    if options.out:
        options.out.write_text(table + "\n")


if __name__ == "__main__":
    main()
