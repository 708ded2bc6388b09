"""Errors of columns fitted to data whose pixels share noise, against the truth."""

import numpy as np
import pytest

import napari_sbd as sbd

PIXEL, PERIOD, SIGMA = 0.011, 25.3, 4.5
SHAPE, MARGIN = (440, 440), 40
WIDE = tuple(n + 2 * MARGIN for n in SHAPE)
FY, FX = np.fft.fftfreq(WIDE[0])[:, None], np.fft.rfftfreq(WIDE[1])
F = np.hypot(FY, FX)
TRANSFERS = {
    "gauss 0.3": np.exp(-2 * (np.pi * 0.9 * F) ** 2),
    "gauss 1.2": np.exp(-2 * (np.pi * 3.6 * F) ** 2),
    "tails": np.exp(-2 * np.pi * 1.0 * F),
    "streak": 0.45 / (1 - 0.55 * np.exp(-2j * np.pi * FX)) * np.ones_like(FY),
}


def scene(dose):
    y, x = np.mgrid[: WIDE[0], : WIDE[1]]
    dy, dx = ((i + PERIOD / 2) % PERIOD - PERIOD / 2 for i in (y, x))
    return dose * (1 + np.exp(-(dy**2 + dx**2) / 2 / SIGMA**2))


def recorded(kind, dose, seed):
    rng, inner = np.random.default_rng(seed), (slice(MARGIN, -MARGIN),) * 2

    def seen(image):
        return 20 * np.fft.irfft2(np.fft.rfft2(image) * TRANSFERS[kind], WIDE)[inner] + 100

    truth = scene(dose)
    counts = rng.poisson(truth)
    light = counts + rng.normal(0, 0.3, WIDE) * np.sqrt(counts)
    return seen(light) + rng.normal(0, 3, SHAPE), seen(truth)


@pytest.mark.parametrize("known", [True, False], ids=["gain known", "gain unknown"])
@pytest.mark.parametrize("kind", TRANSFERS)
def test_errors_are_those_against_the_truth(kind, known):
    detector = {"gain": 20.0, "offset": 100.0} if known else {}
    pulls = {name: [] for name in ("y", "x", "amplitude", "intensity", "background")}
    for seed in range(2):
        images = [sbd.Micrograph(i, PIXEL, **detector) for i in recorded(kind, 2.0, seed)]
        table = sbd.find_columns(*images, halves=False)
        table = table[~table.near_frame]
        assert table.supported.mean() > 0.99
        for name, found in pulls.items():
            off = table[f"{name}_raw"] - table[name]
            found += list((off / table[f"{name}_raw_err"]).dropna())
    for name, found in pulls.items():
        assert len(found) > 300
        # cautious where a wide point spread leaves little of the noise that moves a column
        assert 0.82 < np.std(found) < 1.12, name
