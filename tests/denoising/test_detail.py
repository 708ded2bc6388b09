"""What an image shows beyond doubt and a network has not drawn comes back, and no noise with it."""

import numpy as np
import pytest

import napari_sbd as sbd
from napari_sbd import sampling
from napari_sbd.denoising.detail import put_back_detail


def rms(values):
    return float(np.sqrt(np.mean(np.square(values))))


def test_noise_is_not_taken_for_detail():
    rng = np.random.default_rng(0)
    for image in [*rng.normal(0, 3, (60, 128, 128)), *rng.poisson(2.0, (30, 128, 128))]:
        estimate = np.full(image.shape, image.mean())
        assert np.array_equal(put_back_detail(image, estimate), estimate)


def test_noise_that_grows_with_the_brightness_is_not_either():
    y, x = np.indices((192, 192))
    mean = 40 * (1.05 + np.cos(2 * np.pi * x / 9) * np.cos(2 * np.pi * y / 7)) ** 2
    for seed in range(10):
        image = np.random.default_rng(seed).poisson(mean).astype(float)
        assert rms(put_back_detail(image, mean) - mean) < 0.02 * rms(image - mean)


def blobs(shape, height):
    y, x = np.indices(shape)
    result = np.zeros(shape)
    for v, u in [(30, 40), (90, 31), (61, 100)]:
        result += height * np.exp(-((y - v) ** 2 + (x - u) ** 2) / (2 * 2.0**2))
    return result


@pytest.mark.parametrize(("unit", "offset"), [(1.0, 0.0), (-250.0, 1e4)])
def test_what_stands_out_comes_back_whatever_the_unit(unit, offset):
    truth, estimate = blobs((128, 128), 30.0), np.zeros((128, 128))
    image = truth + np.random.default_rng(1).normal(0, 1, truth.shape)
    found = put_back_detail(image * unit + offset, estimate + offset) - offset
    near = truth > 0.5
    assert rms((found / unit - truth)[near]) < 0.8  # of the noise
    assert rms(found[:, 116:] / unit) < 0.2  # where there is nothing but noise
    faint = put_back_detail((image - 0.98 * truth) * unit + offset, estimate + offset)
    assert np.array_equal(faint, estimate + offset)


def test_what_fills_gaps_is_no_detail():
    image = np.random.default_rng(2).normal(0, 1, (96, 96))
    empty = np.zeros(image.shape, bool)
    empty[40:44, 50:52] = True
    image[empty] = 60.0
    ringed = image.copy()
    ringed[38:46, 48:54] += 40.0 * ~empty[38:46, 48:54]  # as of an image that was made sharper
    estimate = np.zeros(image.shape)
    assert np.array_equal(put_back_detail(image, estimate, empty), estimate)
    assert np.array_equal(put_back_detail(ringed, estimate, empty, white=False), estimate)
    assert put_back_detail(image, estimate).any()


@pytest.mark.filterwarnings("ignore:The image has")  # more electrons than in training
@pytest.mark.parametrize("gain", [1.0, None])
def test_an_image_of_many_electrons_loses_nothing(gain):
    """The network alone errs by 3.5 times the noise here."""
    scene = {"size": 318, "pixel_size": 0.012, "modality": "stem", "material": "SrTiO3"}
    phantom = sbd.simulate("crystal_edge", dose=6000, seed=4, **scene)
    with pytest.warns(UserWarning, match="little is to be gained"):
        result = sbd.denoise(phantom.noisy.replace(gain=gain), modality="dark field")
    clean, noisy, ours = (
        sampling.bin_counts(np.asarray(m.data, float), (3, 3))
        for m in (phantom.clean, phantom.noisy, result)
    )
    assert 0.5 < rms(ours - clean) / rms(noisy - clean) < 1.05


@pytest.mark.parametrize("turned", [False, True])
def test_the_jitter_of_a_scan_is_not_put_back(turned):
    """The network has set the lines right; what stands out beside them is put back all the same."""
    y, x = np.indices((160, 160))
    rng = np.random.default_rng(3)

    def lattice(moved):
        return 40 * np.cos(2 * np.pi * (x - moved) / 8.3) * np.cos(2 * np.pi * y / 7.4)

    still, blob = lattice(0), blobs(y.shape, 60.0)
    image = lattice(rng.normal(0, 0.2, (160, 1))) * rng.normal(1, 0.05, (160, 1)) + blob
    image += rng.normal(0, 1, y.shape)
    if turned:
        image, still, blob = image.T, still.T, blob.T
    found = put_back_detail(image, still)
    far = blob < 1e-3
    assert rms((image - still)[far]) > 3
    assert rms((found - still)[far]) < 1
    assert rms((found - still - blob)[blob > 1]) < 0.2 * rms(blob[blob > 1])
