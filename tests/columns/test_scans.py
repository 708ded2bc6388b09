"""Scanned images without a gain: rows that are brighter, displaced and smeared along themselves."""

from functools import partial
from pathlib import Path

import numpy as np
import pytest
from scipy.signal import lfilter

import napari_sbd as sbd
from columns.scenes import grid, picture

FILE = Path(__file__).parents[3] / "shared" / "data" / "dm3_MoS2_haadf.dm3"
GAP, SIGMA, TAIL = 18.0, 3.2, 0.3
POINTS = grid(20, 20, GAP)
HOLES = POINTS[[105, 212, 251]] + GAP / 2
draw = partial(picture, gap=GAP, sigma=SIGMA, amplitude=1.0, background=0.4)


def scanned(dose, jitter, seed=0, shown=POINTS):
    """Noisy image, and what the scan shows on average, in units of an unknown detector.

    ``jitter`` [px] moves each row along itself; each row has 3 % more or less beam; the detector
    answers late, so noise and signal trail along the rows.
    """
    rng = np.random.default_rng(seed)
    still = draw(POINTS)
    x = np.arange(still.shape[1])
    moved = np.stack(
        [
            np.interp(x + d, x, row)
            for d, row in zip(rng.normal(0, jitter, len(x)), still, strict=True)
        ]
    )
    beam = 1 + rng.normal(0, 0.03, (len(still), 1))
    noisy, mean = (
        930 * lfilter([1 - TAIL], [1, -TAIL], image, axis=1) + 2.9e6
        for image in (beam * rng.poisson(dose * moved), dose * draw(shown))
    )
    return noisy.astype(np.float32), mean


@pytest.mark.parametrize(("dose", "jitter"), [(2.0, 0.3), (10.0, 0.3), (10.0, 0.0)])
def test_true_columns_of_a_scan_are_supported_and_their_z_is_normal(dose, jitter):
    table = sbd.find_columns(*scanned(dose, jitter))
    assert sbd.compare_columns(POINTS, table).f1 == 1
    assert 0.8 < table["agreement_z"].std() < 1.2
    assert table["supported"].mean() > 0.98


@pytest.mark.parametrize("jitter", [0.0, 0.3])
def test_columns_that_a_scan_does_not_have_are_refused(jitter):
    table = sbd.find_columns(*scanned(10.0, jitter, shown=np.concatenate([POINTS, HOLES])))
    invented = sbd.compare_columns(HOLES, table, 3).pairs[:, 1]
    assert len(invented) == 3
    assert not table["supported"].iloc[invented].any()
    assert table["supported"].drop(index=table.index[invented]).mean() > 0.95


@pytest.mark.filterwarnings("ignore:The noise has:UserWarning")
def test_columns_of_a_real_scan_are_supported():
    """Sulphur and molybdenum, of which halves of the data show 99 % alike.

    Lines that jitter move columns, which a network that knows lattices does not follow.
    """
    if not FILE.exists():
        pytest.skip("needs shared/data")
    image = sbd.read(FILE)
    part = image.replace(data=np.asarray(image.data[:400, :400]))
    denoised = sbd.denoise(part, model="stem", device="cpu")
    with pytest.warns(UserWarning, match="nearer to where the network expects them"):
        table = sbd.find_columns(part, denoised)
    assert len(table) > 300 and table.attrs["reproduced"] > 0.97
    assert table["supported"].mean() > 0.9
