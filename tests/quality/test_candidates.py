"""The denoisers that are set side by side."""

import numpy as np
import pytest

import napari_sbd as sbd
from known import lattice
from napari_sbd.errors import Cancelled
from napari_sbd.quality import candidates

COUNTS = np.random.default_rng(0).poisson(lattice((128, 128), mean=2.0))


def test_the_best_of_them_beats_the_raw_image():
    table = sbd.compare(
        COUNTS, candidates(pixel_size=0.0061, model="hrtem", gain_tuning=False), 1.0
    )
    assert table["umse"].idxmin() != "raw"
    assert table.loc["network", "umse"] < 0.2 * table.loc["raw", "umse"]


def test_the_tuned_network_sees_counted_electrons_of_four_fifths_of_the_dose():
    """Thinned counts are brought to the scale of the whole; in that unit they are still counts."""
    seen = np.random.default_rng(1).binomial(COUNTS, 0.8) * 1.25
    tuned = candidates(pixel_size=0.0061, model="hrtem")["GainTuned"]
    estimate = tuned(seen)
    assert estimate.shape == seen.shape
    assert estimate.mean() == pytest.approx(seen.mean(), rel=0.02)


def test_all_filters_only_when_asked():
    few, all_of_them = (candidates(every=every, gain_tuning=False) for every in (False, True))
    assert "wavelet" in all_of_them
    assert "wavelet" not in few


def test_stopping_ends_the_tuning():
    table = candidates(pixel_size=0.0061, model="hrtem", should_stop=lambda: True)
    with pytest.raises(Cancelled):
        table["GainTuned"](COUNTS)
