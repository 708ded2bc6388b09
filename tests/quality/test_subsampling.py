"""Errors told by the pixels of one image, against the expected error of the very denoiser."""

import warnings

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

import napari_sbd as sbd
from known import lattice

RNG = np.random.default_rng
SCENES = {
    "lattice": lattice((128, 128), period=20, mean=4.0, contrast=0.5),
    "half in vacuum": gaussian_filter(np.where(np.arange(128)[:, None] < 50, 2.0, 5.0), 3)
    * lattice((128, 128), period=26),
}


def blur(width):
    return lambda image: gaussian_filter(np.asarray(image, float), width) if width else image


def expected_error(truth, denoiser, draws=60):
    """Of an image of half the size, made of one pixel of each 2 x 2 cell."""
    y, x = np.mgrid[: truth.shape[0] // 2, : truth.shape[1] // 2] * 2
    errors = []
    for seed in range(draws):
        rng = RNG([seed, 1])
        part = truth[y + rng.integers(0, 2, y.shape), x + rng.integers(0, 2, y.shape)]
        errors.append(np.mean((denoiser(rng.poisson(part).astype(float)) - part) ** 2))
    return np.mean(errors)


WIDTHS = 0, 0.7, 1, 2, 4


@pytest.fixture(scope="module", params=SCENES)
def scored(request):
    """A scene, and what 100 images of it say of each blur, which all judge by the same pixels."""
    truth, tools = SCENES[request.param], {str(width): blur(width) for width in WIDTHS}
    images = (RNG([s, 2]).poisson(truth) for s in range(100))
    return truth, [
        sbd.compare(im, tools, 1.0, "subsampling", seed=s) for s, im in enumerate(images)
    ]


@pytest.mark.parametrize("width", WIDTHS)
def test_the_interval_covers_the_true_error(scored, width):
    """Of 100 intervals of 95 %, fewer than 87 or all are as unlikely as 1 in 200."""
    truth, tables = scored
    true = -10 * np.log10(expected_error(truth, blur(width)))
    found = [table.loc[str(width), ["low", "high"]] for table in tables]
    covered = sum(low <= true <= high for low, high in found)
    assert 87 <= covered < 100


def test_the_raw_image_is_the_worst():
    tools = {"raw": lambda i: i} | {f"blur {w}": blur(w) for w in (0.7, 1, 2)}
    counts = RNG(3).poisson(SCENES["half in vacuum"])
    table = sbd.compare(counts, tools, 5.0, "subsampling")
    assert list(table["umse"].rank(ascending=False)) == [1, 2, 3, 4]
    assert table.loc["raw", "umse"] == pytest.approx(SCENES["half in vacuum"].mean(), rel=0.1)


def test_units_do_not_matter():
    """Cameras whose gain is unknown are what the method is for."""
    counts = RNG(4).poisson(SCENES["lattice"]).astype(float)
    plain = sbd.umse(counts, blur(1), "subsampling")
    scaled = sbd.umse(20 * counts + 400, blur(1), "subsampling")
    np.testing.assert_allclose(np.array(scaled) / 400, plain, rtol=1e-4)


@pytest.mark.parametrize(
    ("camera", "word"),
    [
        (lambda i: gaussian_filter(i, 0.5), "correlated"),
        (lambda i: i + RNG(5).normal(0, 0.7, (256, 1)), "rows"),
    ],
)
def test_correlated_noise_is_refused(camera, word):
    image = camera(RNG(6).poisson(lattice((256, 256), mean=4.0)).astype(float))
    with pytest.raises(sbd.SBDError, match=word):
        sbd.upsnr(image, blur(1), method="subsampling")
    with pytest.raises(sbd.SBDError, match="frames"):
        sbd.compare(image, {"blur": blur(1)}, method="subsampling")


@pytest.mark.parametrize(("period", "told"), [(28, False), (20, False), (12, True), (8, True)])
def test_a_lattice_that_neighbours_do_not_tell_is_warned_of(period, told):
    """Where the interval misses the true error by far, a sentence says so, and elsewhere none."""
    truth = lattice((256, 256), period=period, mean=8.0, contrast=0.5)
    counts, true = RNG(1).poisson(truth), expected_error(truth, blur(1), draws=10)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        value, _, high = sbd.umse(counts, blur(1), "subsampling")
    said = [float(str(w.message).split("lattice of ")[1].split()[0]) for w in caught]
    assert said == pytest.approx([period / 2**0.5] * told, rel=0.05)
    if told:
        assert high < true
    else:
        assert value == pytest.approx(true, rel=0.15)


def test_small_images_are_refused():
    with pytest.raises(sbd.SBDError, match="32 x 32"):
        sbd.upsnr(RNG(0).poisson(3, (30, 64)), blur(1), method="subsampling")


@pytest.mark.parametrize(("count", "most"), [(2, 12), (8, 9)])
def test_equal_denoisers_are_rarely_told_apart(count, most):
    """At most 5 % of comparisons may claim anything, however many pairs: of 80, 4 are expected.

    The denoisers add noise of their own, of the same power, to the truth.
    """
    truth = np.full((64, 64), 3.0)
    claims = 0
    for seed in range(80):
        rng = RNG([seed, count])
        wrong = [rng.normal(0, 0.5, truth.shape) for _ in range(count)]
        wrong = [w * 0.5 / np.sqrt(np.mean(w**2)) for w in wrong]
        equal = {str(k): lambda i, w=w: truth + w for k, w in enumerate(wrong)}
        exposures = rng.poisson(truth, (2, 64, 64))
        table = sbd.compare(exposures, equal, 3.0, "exposures")
        claims += (~table["verdict"].str.contains("reference|not disting")).any()
    assert claims <= most
    assert count > 2 or claims >= 1


def test_denoisers_see_the_pixel_size_of_the_parts():
    """Images of half the size have pixels of twice the size, by which the block is chosen."""
    from napari_sbd.quality import candidates

    counts = RNG(7).poisson(lattice((256, 256), mean=2.0))
    options = {"model": "hrtem", "gain_tuning": False}
    part = counts[::2, ::2]
    found, same = (
        candidates(pixel_size=size, method=method, **options)["Gaussian"](part)
        for size, method in ((0.0061, "subsampling"), (0.0122, "thinning"))
    )
    np.testing.assert_array_equal(found, same)
