import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

import napari_sbd as sbd
from known import lattice

SHAPE = (112, 112)
TRUTH = lattice(SHAPE, period=25, mean=2.0)


def blur(image):
    return gaussian_filter(image.astype(float), 3.0)


def wider(image):
    return gaussian_filter(image.astype(float), 6.0)


def counts_of(truth, seed):
    return np.random.default_rng(seed).poisson(truth)


def test_psnr_of_a_known_error():
    assert sbd.psnr(TRUTH + 0.1, TRUTH, peak=1) == pytest.approx(20)
    assert sbd.psnr(TRUTH + 0.1, TRUTH) == pytest.approx(20 + 20 * np.log10(TRUTH.max()))
    assert sbd.psnr(TRUTH, TRUTH) == np.inf


def test_ssim_is_one_for_the_truth_and_falls_with_noise():
    noise = np.random.default_rng(0).normal(0, 0.3, SHAPE)
    assert sbd.ssim(TRUTH, TRUTH) == pytest.approx(1)
    assert sbd.ssim(TRUTH + 2 * noise, TRUTH) < sbd.ssim(TRUTH + noise, TRUTH) < 0.99


@pytest.mark.parametrize("method", ["frames", "exposures"])
def test_frames_that_were_written_twice_are_judged_once(method):
    movie = np.stack([counts_of(TRUTH, t) for t in range(4)]).astype(float)
    once = sbd.upsnr(movie, blur, method=method)
    with pytest.warns(UserWarning, match="Frame 2 holds the very values of the frame before"):
        again = sbd.upsnr(movie[[0, 1, 1, 2, 3]], blur, method=method)
    assert again == once
    with pytest.warns(UserWarning), pytest.raises(sbd.SBDError, match="two frames"):
        sbd.upsnr(movie[[0, 0]], blur, method=method)


@pytest.mark.parametrize("value", [0, np.nan])
def test_frames_without_beam_judge_nothing(value):
    movie = np.stack([counts_of(TRUTH, t) for t in range(5)]).astype(float)
    without = sbd.upsnr(np.delete(movie, 2, 0), blur, method="frames")
    movie[2] = value
    assert sbd.upsnr(movie, blur, method="frames") == without


@pytest.mark.parametrize(("method", "frames"), [("thinning", 1), ("frames", 3), ("exposures", 4)])
def test_intervals_cover_the_true_error(method, frames):
    """Of 100 intervals of 95 %, fewer than 88 cover with a probability of 1 in 500."""
    covered = 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        data = rng.poisson(np.broadcast_to(TRUTH, (frames, *SHAPE)))
        score = sbd.upsnr(data[0] if frames == 1 else data, blur, 1.0, method, seed=seed)
        if frames == 1:
            # at the four fifths of the dose that the denoiser saw, on average
            inputs = rng.poisson(0.8 * np.broadcast_to(TRUTH, (4, *SHAPE))) / 0.8
        else:
            inputs = data
        true = np.mean([(blur(i) - TRUTH) ** 2 for i in inputs])
        covered += score.low <= 10 * np.log10(1 / true) <= score.high
    assert covered >= 88


def test_intervals_hold_where_noise_hangs_together():
    """Of exposures through a point spread of 2 pixels, and a denoiser that leaves wide blobs: terms
    8 pixels apart are alike, and errors were 0.73 to 0.82 of the scatter (here 0.76, now 0.97)."""
    truth = lattice((128, 128), period=24, mean=0.3)
    found = []
    for seed in range(150):
        rng = np.random.default_rng([seed, 4])
        counts = rng.poisson(np.broadcast_to(truth, (4, *truth.shape))).astype(float)
        frames = gaussian_filter(counts, (0, 2, 2), mode="wrap")
        found.append(sbd.umse(frames, lambda i: gaussian_filter(i, 4, mode="wrap"), "exposures"))
    value, low, high = np.array(found).T
    error = np.sqrt(np.mean(((high - low) / 3.92) ** 2))
    assert 0.85 < error / value.std(ddof=1) < 1.2


def test_intervals_are_no_wider_than_they_say():
    """Of 300 intervals of 95 % about a known error, 3.6 standard deviations either way."""
    truth = np.full((48, 48), 2.0)
    rng = np.random.default_rng(0)
    scores = [sbd.umse(rng.poisson(truth), lambda image: truth + 0.5, seed=s) for s in range(300)]
    covered = np.mean([low <= 0.25 <= high for _, low, high in scores])
    assert 0.905 < covered < 0.995


def test_differences_of_many_pairs_are_held_at_once():
    """Three denoisers make three pairs: a normal number exceeds 2.394 in 1 - 0.05 / 3."""
    counts = np.random.default_rng(9).poisson(TRUTH)
    denoisers = {"narrow": blur, "wide": wider, "raw": lambda i: i * 1.0}
    three = sbd.compare(counts, denoisers, 1.0, reference="narrow").loc["wide"]
    del denoisers["raw"]
    two = sbd.compare(counts, denoisers, 1.0, reference="narrow").loc["wide"]
    assert two["difference"] == three["difference"]
    wide, narrow = (t["difference_high"] - t["difference_low"] for t in (three, two))
    assert wide / narrow == pytest.approx(2.3940 / 1.9600, rel=1e-4)
    single = sbd.upsnr(counts, blur, 1.0)
    assert two["difference"] - two["difference_low"] == pytest.approx(narrow / 2)
    assert single.umse_high - single.umse_low > narrow


def test_subsampling_corrects_what_neighbouring_pixels_differ():
    """Against the error at pixels picked at random from the cells, as the method deals them."""
    truth = lattice((400, 400), period=20, mean=20.0, contrast=0.5)
    scores = [sbd.upsnr(counts_of(truth, s), blur, 1.0, "subsampling", seed=s) for s in range(8)]
    true = []
    for seed in range(8):
        rng = np.random.default_rng(100 + seed)
        y, x = np.mgrid[:200, :200] * 2 + rng.integers(0, 2, (2, 200, 200))
        true.append(np.mean((blur(rng.poisson(truth[y, x])) - truth[y, x]) ** 2))
    corrected, plain = (np.mean([s.umse + k * s.bias for s in scores]) for k in (0, 1))
    assert corrected == pytest.approx(np.mean(true), rel=0.08)
    assert abs(corrected - np.mean(true)) < abs(plain - np.mean(true))


def test_bootstrap_and_analytic_intervals_agree():
    counts = np.random.default_rng(3).poisson(TRUTH)
    one, other = (sbd.upsnr(counts, wider, 1.0, interval=i) for i in ("analytic", "bootstrap"))
    assert one.value == other.value
    assert other.umse_high - other.umse_low == pytest.approx(one.umse_high - one.umse_low, rel=0.15)


def test_the_peak_is_the_largest_estimate_unless_given():
    counts = np.random.default_rng(4).poisson(TRUTH)
    score = sbd.upsnr(counts, wider)
    assert score.peak == pytest.approx(wider(counts).max(), rel=0.1)
    assert sbd.upsnr(counts, wider, peak=7).peak == 7


def test_what_the_data_cannot_tell_is_called_not_resolvable():
    truth = np.full((64, 64), 0.45)
    score = sbd.upsnr(np.random.default_rng(8).poisson(truth), lambda i: truth, 1.0)
    assert not score.resolved
    assert score.high == np.inf
    assert "not resolvable" in str(score)


def test_umse_is_unbiased():
    values = [
        sbd.umse(np.random.default_rng(s).poisson(TRUTH), lambda i: TRUTH + 0.5) for s in range(40)
    ]
    means = [v[0] for v in values]
    assert np.mean(means) == pytest.approx(0.25, abs=3.5 * np.std(means) / np.sqrt(40))


def test_pairs_resolve_what_single_scores_cannot():
    counts = np.random.default_rng(6).poisson(TRUTH)
    table = sbd.compare(counts, {"narrow": blur, "wide": wider, "raw": lambda i: i}, 1.0)
    assert list(table.index) == ["narrow", "wide", "raw"]
    assert table.loc["narrow", "verdict"] == "reference"
    assert table.loc["wide", "verdict"] == "worse than narrow"
    single = table.loc["narrow"]
    paired = table.loc["wide", "difference_high"] - table.loc["wide", "difference_low"]
    errors = [10 ** (-single[end] / 10) for end in ("low", "high")]
    assert paired < errors[0] - errors[1]
    same = sbd.compare(counts, {"a": blur, "b": lambda i: blur(i) + 1e-3}, 1.0, reference="a")
    assert same.loc["b", "verdict"] == "not distinguishable from a"


def test_the_peak_of_a_comparison_does_not_depend_on_the_order():
    """And is that of the best estimate, not of the raw counts."""
    counts = np.random.default_rng(3).poisson(lattice((256, 256), period=40, mean=4.0))
    methods = {"raw": lambda i: i, "blur": blur}
    tables = [
        sbd.compare(counts, dict(pairs)) for pairs in (methods.items(), [*methods.items()][::-1])
    ]
    score = sbd.upsnr(counts, blur)
    for table in tables:
        assert table.attrs["peak"] == score.peak
        assert table.loc["blur", "upsnr"] == pytest.approx(score.value)


def test_residual_of_the_truth_is_white_and_of_a_blur_is_not():
    truth = lattice((400, 400), period=40, mean=4.0)
    counts = np.random.default_rng(7).poisson(truth)
    right = sbd.residual_check(counts, truth, pixel_size=0.0061)
    assert len(right.peaks) == 0
    assert right.power == pytest.approx(1, abs=0.1)
    wrong = sbd.residual_check(counts, gaussian_filter(truth, 12), pixel_size=0.0061)
    assert wrong.peaks["period"].iloc[0] == pytest.approx(40 / 2**0.5 * 0.0061, rel=0.03)
    assert "removed signal" in wrong.verdict()


def test_the_autocorrelation_of_a_residual_is_a_dot_if_it_is_white():
    truth = lattice((400, 400), period=40, mean=4.0)
    counts = np.random.default_rng(7).poisson(truth)
    estimates = {"white": truth, "lattice": gaussian_filter(truth, 12)}
    images = {
        k: sbd.residual_check(counts, e, pixel_size=0.0061).autocorrelation
        for k, e in estimates.items()
    }
    largest = {}
    for name, image in images.items():
        middle = tuple(n // 2 for n in image.shape)
        assert image[middle] == pytest.approx(1)
        largest[name] = np.abs(np.delete(image.ravel(), np.ravel_multi_index(middle, image.shape)))
    assert largest["white"].max() < 5 * images["white"].size ** -0.5
    assert largest["lattice"].max() > 10 * images["white"].size ** -0.5


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: sbd.upsnr(np.ones((1, 64, 64)) + np.eye(64), blur, method="frames"), "two frames"),
        (lambda: sbd.upsnr(np.eye(64), blur, method="exposures"), "two frames"),
        (lambda: sbd.upsnr(np.eye(64) / 3, blur), "whole numbers"),
        (lambda: sbd.upsnr(np.zeros((64, 64)), blur), "no electrons"),
        (lambda: sbd.upsnr(9 * counts_of(np.full((64, 64), 5), 0), blur), "variance.*no electrons"),
        (lambda: sbd.upsnr(np.eye(64), blur, method="magic"), "method"),
        (lambda: sbd.upsnr(counts_of(np.ones((64, 64)), 0), lambda i: i[1:]), "shape"),
        (lambda: sbd.compare(np.eye(64), {}), "at least one"),
        (lambda: sbd.compare(np.eye(64), {"a": blur}, reference="b"), "no denoiser"),
        (lambda: sbd.psnr(np.ones((4, 4)), np.ones((4, 5))), "shape"),
        (lambda: sbd.psnr(np.ones((4, 4)), np.zeros((4, 4))), "peak"),
    ],
)
def test_bad_input_is_refused(call, words):
    with pytest.raises(sbd.SBDError, match=words):
        call()


def test_whole_numbers_of_correlated_noise_are_not_dealt_out():
    """Their single pixels may have the variance of electrons by chance."""
    rng = np.random.default_rng(0)
    noise = gaussian_filter(rng.normal(0, 1, (128, 128)), 0.7)
    values = np.round(100 + 13 * noise / noise.std())
    with pytest.raises(
        sbd.SBDError, match=r"^The noise of neighbouring pixels is correlated.*no el"
    ):
        sbd.compare(values, {"raw": lambda image: image})
    counts = rng.poisson(100, (128, 128))
    assert sbd.compare(counts, {"raw": lambda image: image}).attrs["unit"] == "electrons"


def test_denoisers_may_give_micrographs():
    """As sbd.denoise does of one, in the units of its gain; it was a traceback."""
    noisy = counts_of(TRUTH, 0)

    def of_a_camera(image):
        return sbd.Micrograph(20 * blur(image) + 400, gain=20, offset=400)

    table = sbd.compare(noisy, {"array": blur, "micrograph": of_a_camera})
    np.testing.assert_allclose(table["umse"]["micrograph"], table["umse"]["array"], rtol=1e-6)
