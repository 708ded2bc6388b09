import numpy as np
import pytest

import napari_sbd as sbd

PIXEL = 0.0061


def test_the_estimate_is_made_from_the_data_alone(counts):
    found = sbd.equivalent_filter(counts, 90, 120, pixel_size=PIXEL, model="hrtem")
    assert found.weights.shape == counts.shape
    denoised = sbd.denoise(counts, pixel_size=PIXEL, model="hrtem")
    assert found.estimate == pytest.approx(denoised[90, 120], rel=0.05)
    assert (found.weights * counts).sum() == pytest.approx(found.estimate, rel=0.01)
    assert abs(found.bias) < 0.01 * found.estimate
    assert found.weights.sum() == pytest.approx(1, abs=0.2)


def test_the_weights_are_the_gradient(counts):
    """A small change of the image changes the estimate as the weights say."""
    y, x = 90, 120
    found = sbd.equivalent_filter(counts, y, x, pixel_size=PIXEL, model="hrtem")
    block = (slice(85, 95), slice(115, 125))
    changed = counts.astype(float)
    changed[block] += 0.02
    after = sbd.equivalent_filter(changed, y, x, pixel_size=PIXEL, model="hrtem").estimate
    predicted = 0.02 * found.weights[block].sum()
    assert after - found.estimate == pytest.approx(predicted, rel=0.25)


@pytest.mark.parametrize(
    ("image", "y", "words"),
    [(np.ones((3, 64, 64)), 5, "single image"), (np.eye(64), 64, "outside")],
)
def test_bad_input_is_refused(image, y, words):
    with pytest.raises(sbd.SBDError, match=words):
        sbd.equivalent_filter(image, y, 5)


@pytest.mark.filterwarnings("ignore:The contrast")
def test_under_correlated_noise_it_is_that_of_what_denoise_makes(counts):
    from scipy.ndimage import gaussian_filter

    image = 20 * gaussian_filter(counts.astype(float), 4.0) + 100
    y, x = 90, 120
    found = sbd.equivalent_filter(image, y, x, pixel_size=PIXEL, model="hrtem")
    assert found.estimate == pytest.approx(
        sbd.denoise(image, pixel_size=PIXEL, model="hrtem", illumination=False)[y, x], rel=0.02
    )
    block = (slice(85, 95), slice(115, 125))
    changed = image.copy()
    changed[block] += 0.3
    after = sbd.equivalent_filter(changed, y, x, pixel_size=PIXEL, model="hrtem").estimate
    predicted = 0.3 * found.weights[block].sum()
    assert predicted > 0.01
    assert after - found.estimate == pytest.approx(predicted, rel=0.3)
