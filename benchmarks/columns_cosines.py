"""Columns of lattices like a cosine: places and their errors, by counts.

    python benchmarks/columns_cosines.py [--draws 2]

Images of 128 x 128 pixels, 1 and 0.3 times two cosines (a square lattice) or three (a hexagonal
one), spacings of 5 to 20 px. The image without noise stands for the denoised one, and the fits to
counts are compared with where the maxima are: ``inside``, and nearer to the frame than a spacing.
``not fixed`` is the share of columns whose place the counts do not tell.
"""

from __future__ import annotations

import argparse
import warnings

import numpy as np

import napari_sbd as sbd

CELLS = {"two cosines": [(0, 1), (1, 0)], "three cosines": [(0, 1), (0.75**0.5, 0.5)]}
SPACINGS = {5: 0.2, 7: 0.2, 9: 0.0, 13: 0.2, 20: 0.0}  # px, and the angle of the lattice [rad]
DOSES = (0.5, 5.0, 50.0)
_SIZE = 128
_LIKELY = 1.96  # errors


def scene(kind: str, spacing: float, turn: float) -> tuple[np.ndarray, np.ndarray]:
    """Places (N, 2) of the maxima, and the image."""
    turned = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    cell = np.array(CELLS[kind]) * spacing @ turned
    middle = _SIZE / 2 + spacing * np.array([0.1, 0.2])
    one, other = np.linalg.inv(cell).T
    beams = [one, other] if kind == "two cosines" else [one, other, one + other]
    y, x = (v - m for v, m in zip(np.indices((_SIZE, _SIZE)), middle, strict=True))
    waves = [np.cos(2 * np.pi * (beam[0] * y + beam[1] * x)) for beam in beams]
    points = np.mgrid[-40:41, -40:41].reshape(2, -1).T @ cell + middle
    inside = ((points > 0) & (points < _SIZE - 1)).all(1)
    return points[inside], 1 + 0.3 * np.mean(waves, axis=0)


def compared(points: np.ndarray, table: object, suffix: str) -> tuple[np.ndarray, ...]:
    """Deviations (N, 2), errors (N, 2) and which are nearer to the frame than a spacing."""
    one, other = sbd.compare_columns(points, table).pairs.T
    found = table.iloc[other]  # type: ignore[attr-defined]
    off = found[[f"{a}{suffix}" for a in "yx"]].to_numpy() - points[one]
    error = found[[f"{a}{suffix}_err" for a in "yx"]].to_numpy()
    gap = table.attrs["spacing"]  # type: ignore[attr-defined]
    beside = ((points[one] < gap) | (points[one] > _SIZE - 1 - gap)).any(1)
    return off, error, beside | found["near_frame"].to_numpy()


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=2)
    draws = parser.parse_args().draws
    warnings.simplefilter("ignore")
    print("| lattice | e/px | inside: rms [px] | within | beside: rms [px] | within | not fixed |")
    print("|---|---|---|---|---|---|---|")
    clean = []
    for kind in CELLS:
        scenes = {gap: scene(kind, gap, turn) for gap, turn in SPACINGS.items()}
        for gap, (points, image) in scenes.items():
            off, error, beside = compared(
                points, sbd.find_columns(None, image, polarity="bright"), ""
            )
            known = np.isfinite(error[:, 0])
            rms = [np.sqrt((off[known & part] ** 2).mean()) for part in (~beside, beside)]
            usual = np.median(error[known])
            clean.append(f"| {kind} | {gap} | {rms[0]:.3f} | {rms[1]:.3f} | {usual:.3f} |")
        for dose in DOSES:
            rms, within, lost = [[], []], [[], []], []
            for points, image in scenes.values():
                found = [
                    compared(
                        points,
                        sbd.find_columns(
                            np.random.default_rng([draw, 5]).poisson(dose * image),
                            dose * image,
                            gain=1.0,
                            polarity="bright",
                        ),
                        "_raw",
                    )
                    for draw in range(draws)
                ]
                off, error, beside = (np.concatenate(part) for part in zip(*found, strict=True))
                lost += list(np.isnan(error[:, 0]))
                for i, part in enumerate((~beside, beside)):
                    pulls = np.abs(off / error)[part]
                    rms[i].append(np.sqrt(np.nanmean(off[part] ** 2)))
                    within[i] += list((pulls < _LIKELY)[np.isfinite(pulls)])
            parts = [
                f"{min(r):.2f} to {max(r):.2f} | {100 * np.mean(w):.0f} %"
                for r, w in zip(rms, within, strict=True)
            ]
            print(f"| {kind} | {dose:g} | {' | '.join(parts)} | {100 * np.mean(lost):.0f} % |")
    print("\n| lattice | spacing [px] | inside, without noise [px] | beside | error |")
    print("|---|---|---|---|---|")
    print("\n".join(clean))


if __name__ == "__main__":
    main()
