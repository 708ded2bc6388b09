"""What is looked at only to warn costs nothing where nobody hears it."""

import numpy as np
import pytest

import napari_sbd as sbd
from known import lattice
from napari_sbd.denoising import denoiser
from napari_sbd.errors import is_heard, listening, unheard, warn
from napari_sbd.repeat import denoiser_of

CHECKS = "doubts", "doubt_noise", "doubt_result", "doubt_against_blur", "doubt_structure"


def test_nobody_hears_a_warning_but_who_listens_within():
    with unheard():
        warn("dropped")
        assert not is_heard()
        with listening() as heard:
            warn("kept")
            assert is_heard()
    assert heard == ["kept"]
    with pytest.warns(UserWarning, match="said"):
        warn("said")


@pytest.mark.usefixtures("tiny_model")
@pytest.mark.filterwarnings("ignore::UserWarning")  # of the untrained network
def test_what_is_denoised_again_is_the_same_without_a_look_at_what_to_warn_of(monkeypatch):
    """Halves that judge an image are denoised with its settings; each was judged by a blur."""
    counts = np.random.default_rng(0).poisson(lattice((96, 96), 9.0, 0.5, 8.0)).astype(np.float32)
    looks = []
    for name in CHECKS:
        look = getattr(denoiser, name)
        monkeypatch.setattr(
            denoiser, name, lambda *a, look=look, name=name: [looks.append(name), *look(*a)][1:]
        )
    result = sbd.denoise(sbd.Micrograph(counts, 0.03, gain=1.0))
    assert set(looks) == set(CHECKS)
    looks.clear()
    np.testing.assert_array_equal(denoiser_of(result)(counts), result.data)
    assert not looks
