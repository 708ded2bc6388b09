import re
import warnings

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

import napari_sbd as sbd
from known import lattice
from napari_sbd.agreement import judge_columns
from napari_sbd.agreement.pairs import paired
from napari_sbd.agreement.visibility import visibility

PIXEL = 0.0061
SHAPE = (512, 512)


def column(shape, y, x, height):
    """A column's image: a core in a ring of the opposite sign."""
    yy, xx = np.ogrid[: shape[0], : shape[1]]
    r2 = ((yy - y) ** 2 + (xx - x) ** 2) / 8.0**2
    return height * (1 - r2 / 2) * np.exp(-r2 / 2)


def counts_of(truth, seed=0):
    return np.random.default_rng(seed).poisson(truth)


@pytest.mark.parametrize("dose", [0.05, 0.45, 4, 20])
def test_z_is_standard_normal_where_the_denoised_image_is_the_truth(dose):
    truth = lattice(SHAPE, mean=dose)
    z = np.stack([sbd.agreement(counts_of(truth, s), truth, pixel_size=PIXEL).z for s in range(3)])
    assert z.dtype == np.float32
    assert z.std() == pytest.approx(1, abs=0.05)
    assert abs(z.mean()) < 0.08
    assert np.mean(np.abs(z) > 1.96) < 0.065


def test_an_invented_column_and_a_missing_one_are_found():
    truth = lattice(SHAPE, contrast=0.1, mean=2.0) + column(SHAPE, 250, 250, 1.2)
    shown = lattice(SHAPE, contrast=0.1, mean=2.0) + column(SHAPE, 100, 130, 1.2)
    result = sbd.agreement(counts_of(truth), shown, pixel_size=PIXEL)
    assert result.z[100, 130] < -4
    assert result.z[250, 250] > 4
    assert result.p[250, 250] < 1e-4
    assert result.rejected[100, 130] and result.rejected[250, 250]
    far = np.ones(SHAPE, bool)
    far[60:140, 90:170] = far[210:290, 210:290] = False
    assert result.rejected[far].mean() < 0.01
    table = result.columns
    nearest = table.iloc[np.hypot(table.y - 100, table.x - 130).argmin()]
    assert not nearest.supported
    assert "not supported" in result.verdict()


def test_the_paper_map_is_positive_on_true_columns_and_negative_in_vacuum():
    truth = np.full(SHAPE, 5.0)
    for y in range(100, 400, 60):
        for x in range(100, 400, 60):
            truth += column(SHAPE, y, x, 2.0)
    result = sbd.agreement(counts_of(truth), truth, pixel_size=PIXEL)
    assert len(result.positions) == 25
    assert result.log_likelihood_ratio[100, 100] > 0
    assert result.log_likelihood_ratio[480, 480] < 0
    assert np.isnan(result.log_likelihood_ratio[100, 120])
    # the formula in the disc of one column
    level, zero = truth[92:109, 100], result.expected[480, 480]
    y, x = result.positions[0]
    yy, xx = np.ogrid[: SHAPE[0], : SHAPE[1]]
    disc = ((yy - y) / result.radius[0]) ** 2 + ((xx - x) / result.radius[1]) ** 2 <= 1
    level = truth[disc].mean()
    ratio = result.counts[disc].mean() * np.log(level / zero) - (level - zero)
    assert result.log_likelihood_ratio[int(y), int(x)] == pytest.approx(ratio, rel=0.02)


def test_gain_and_offset_change_nothing(counts):
    truth = lattice(counts.shape)
    plain = sbd.agreement(counts, truth, pixel_size=PIXEL)
    micrographs = [
        sbd.Micrograph(37 * i + 100, PIXEL, gain=37, offset=100) for i in (counts, truth)
    ]
    np.testing.assert_allclose(sbd.agreement(*micrographs).z, plain.z, atol=1e-2)
    told = sbd.agreement(37 * counts + 100, 37 * truth + 100, pixel_size=PIXEL, gain=37, offset=100)
    np.testing.assert_allclose(told.z, plain.z, atol=1e-2)


def test_a_given_gain_overrules_that_of_the_file_for_both_images():
    truth = lattice(SHAPE, mean=4.0)
    counts = counts_of(truth)
    right = sbd.agreement(counts, truth, pixel_size=PIXEL)
    pair = [sbd.Micrograph(2 * i + 100, PIXEL, gain=1.7, offset=90) for i in (counts, truth)]
    told = sbd.agreement(*pair, gain=2, offset=100)
    np.testing.assert_allclose(told.z, right.z, atol=1e-2)


def test_all_frames_of_a_movie_count():
    truth = lattice(SHAPE, contrast=0.1, mean=0.45)
    shown = truth + column(SHAPE, 100, 130, 0.2)
    movie = counts_of(np.broadcast_to(truth, (8, *SHAPE)))
    one = sbd.agreement(movie[0], shown, pixel_size=PIXEL).z[100, 130]
    result = sbd.agreement(movie, np.broadcast_to(shown, movie.shape), pixel_size=PIXEL)
    assert result.z.shape == SHAPE
    assert "odd" in result.how
    assert result.z[100, 130] < min(-4.0, one)
    right = sbd.agreement(movie, np.broadcast_to(truth, movie.shape), pixel_size=PIXEL)
    assert right.z.std() == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize(
    "beam",
    [np.ones(2), np.ones(3), np.ones(5), np.tile([1, 0.8], 4), np.linspace(1, 0.8, 8)],
    ids=len,
)
def test_halves_of_a_movie_may_differ_in_frames_and_beam(beam):
    """z stays standard normal, and an invented column is found."""
    truth = beam[:, None, None] * lattice(SHAPE, contrast=0.1, mean=2.0)
    counts = counts_of(truth)
    right = sbd.agreement(counts, truth, pixel_size=PIXEL)
    assert "odd" in right.how
    assert right.z.std() == pytest.approx(1, abs=0.1)
    shown = truth + beam[:, None, None] * column(SHAPE, 100, 130, 1.2)
    assert sbd.agreement(counts, shown, pixel_size=PIXEL).z[100, 130] < -5


def test_the_truth_of_a_drifting_movie_of_odd_length_is_not_condemned():
    """Its even and odd frames have one centre, though not one width."""
    truth = np.stack([np.roll(lattice((160, 160), mean=12.0), 2 * t, 0) for t in range(5)])
    result = sbd.agreement(counts_of(truth), truth, pixel_size=PIXEL)
    assert "odd" not in result.how
    assert result.z.std() == pytest.approx(1, abs=0.15)


def test_a_moving_scene_is_not_judged_across_frames():
    truth = np.stack([np.roll(lattice(SHAPE, mean=4.0), 20 * t, 0) for t in range(4)])
    result = sbd.agreement(counts_of(truth), truth, pixel_size=PIXEL)
    assert "odd" not in result.how
    assert result.z.std() == pytest.approx(1, abs=0.1)


def test_an_estimate_that_follows_its_noise_passes_too_easily_unless_judged_by_halves():
    flat = counts_of(np.full((768, 768), 0.45))

    def blur(image):
        return gaussian_filter(image.astype(float), 8.0)

    easy = sbd.agreement(flat, blur(flat), pixel_size=PIXEL)
    honest = sbd.agreement(flat, blur(flat), pixel_size=PIXEL, denoiser=blur)
    assert easy.z.std() < 0.65
    assert honest.z.std() == pytest.approx(1, abs=0.15)
    assert honest.self_use == pytest.approx(easy.z.std(), abs=0.15)


def test_halves_find_what_a_denoiser_invents():
    truth = lattice(SHAPE, contrast=0.1, mean=2.0)

    def inventive(image):
        return (truth + column(SHAPE, 300, 200, 0.8)) * image.mean() / truth.mean()

    counts = counts_of(truth)
    result = sbd.agreement(counts, inventive(counts), pixel_size=PIXEL, denoiser=inventive)
    assert result.z[300, 200] < -4


def test_pixels_without_data_have_no_z(counts):
    values = counts.astype(float)
    values[40:50] = np.nan
    truth = lattice(counts.shape)
    result = sbd.agreement(values, truth, pixel_size=PIXEL)
    assert np.isnan(result.z[40:50]).all()
    assert np.isfinite(result.z[:40]).all()
    assert result.z[:40].std() == pytest.approx(1, abs=0.35)


def test_a_click_tells_counts_and_prediction(counts):
    truth = lattice(counts.shape)
    result = sbd.agreement(counts, truth, pixel_size=PIXEL)
    there = result.at(90.2, 100.1)
    assert there["expected"] == pytest.approx(200 * np.pi * 0.64, rel=0.4)
    assert abs(there["electrons"] - there["expected"]) < 5 * there["expected"] ** 0.5
    assert there["z"] == pytest.approx(result.z[90, 100])


def test_the_lattice_stands_in_for_the_pixel_size():
    truth = lattice(SHAPE, mean=4.0)
    result = sbd.agreement(counts_of(truth), truth)
    assert 4 < result.radius[0] < 20


def test_a_wrong_gain_is_noticed():
    truth = lattice(SHAPE, mean=4.0)
    with pytest.warns(UserWarning, match="variance"):
        sbd.agreement(3 * counts_of(truth), 3 * truth, pixel_size=PIXEL, gain=1.0)


def test_whole_numbers_that_are_no_electrons_are_not_judged_as_such():
    truth = lattice(SHAPE, mean=4.0)
    with pytest.raises(sbd.SBDError, match=r"3\.\d times the variance.*no electrons"):
        sbd.agreement(3 * counts_of(truth), 3 * truth, pixel_size=PIXEL)


@pytest.mark.parametrize(
    ("noisy", "denoised", "words"),
    [
        (np.random.default_rng(0).normal(1, 0.1, (64, 64)), np.ones((64, 64)), "whole numbers"),
        (-np.ones((64, 64)), np.ones((64, 64)), "negative"),
        (np.eye(64), np.ones((64, 65)), "shape"),
        (np.eye(64) + 1, 300 * np.ones((64, 64)), "same units"),
        (np.ones((3, 64, 64), int), np.ones((64, 64)), "movie"),
        (np.zeros((64, 64), int), np.ones((64, 64)), "no electrons"),
    ],
)
def test_bad_input_is_refused_in_one_sentence(noisy, denoised, words):
    with pytest.raises(sbd.SBDError, match=words):
        sbd.agreement(noisy, denoised, pixel_size=PIXEL)


def test_a_denoiser_that_changes_the_shape_is_refused(counts):
    with pytest.raises(sbd.SBDError, match="shape"):
        sbd.agreement(counts, lattice(counts.shape), pixel_size=PIXEL, denoiser=lambda i: i[:-1])


def test_judged_columns_agree_with_the_map(counts):
    truth = lattice(counts.shape)
    result = sbd.agreement(counts, truth, pixel_size=PIXEL)
    y, x = np.array([60, 100]), np.array([80, 120])
    z, p = judge_columns(counts, truth, y, x, result.radius)
    np.testing.assert_allclose(z, result.z[y, x], atol=0.02)
    assert ((p > 0) & (p < 1)).all()
    with warnings.catch_warnings(), pytest.raises(sbd.SBDError, match="positive"):
        judge_columns(counts, truth, y, x, 0.0)


@pytest.mark.parametrize("dose", [0.05, 0.45, 5.0])
def test_vacuum_has_no_columns(dose):
    """Neither in what a network makes of it nor in a blurred image of it."""
    counts = np.random.default_rng(0).poisson(dose, (256, 256)).astype(np.float32)
    noisy = sbd.Micrograph(counts, 0.0061, gain=1.0)
    with pytest.warns(UserWarning, match="may be the model's own"):
        denoised = sbd.denoise(noisy, model="hrtem")
    assert len(sbd.agreement(noisy, denoised).columns) == 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert len(sbd.find_columns(noisy, denoised)) == 0


def test_columns_that_the_counts_can_show_are_judged():
    truth = lattice((256, 256), period=40, mean=0.45)
    counts = np.random.default_rng(0).poisson(truth)
    noisy = sbd.Micrograph(counts, 0.0061, gain=1.0)
    assert len(sbd.agreement(noisy, noisy.replace(data=truth)).columns) > 20


def test_the_sigmas_of_a_spot_are_those_of_its_likelihood():
    """A Gaussian of amplitude a and sigma s on b electrons: a s sqrt(pi / b) against flat, and
    some less against what remains of it when blurred by four sigmas."""
    y, x = np.mgrid[:101, :101] - 50
    image = 1 + 0.1 * np.exp(-(y**2 + x**2) / 2 / 5**2)
    seen = visibility(image, (5.0, 5.0), np.array([50]), np.array([50]))
    assert seen == pytest.approx(0.1 * np.sqrt(np.pi) * 5, rel=0.15)


@pytest.fixture(scope="module")
def shifted():
    """Columns whose heights in the denoised image are wrong by more and more."""
    places = [(y, x) for y in range(40, 500, 48) for x in range(40, 500, 48)]
    truth = np.full(SHAPE, 4.0)
    for n, (y, x) in enumerate(places):
        truth += column(SHAPE, y, x, 1.5 + 0.012 * n)
    shown = np.full(SHAPE, 4.0)
    for y, x in places:
        shown += column(SHAPE, y, x, 1.5)
    return 37 * counts_of(truth) + 100.0, 37 * shown + 100, np.array(places, float)


def judged_by(shifted, gain, offset=100.0):
    raw, shown, places = shifted
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # that this gain is wrong
        return sbd.agreement(
            raw, shown, pixel_size=PIXEL, gain=gain, offset=offset, columns=places, denoiser=False
        )


def test_the_limits_of_a_gain_give_those_of_what_is_not_supported(shifted):
    told = judged_by(shifted, 37.0).unsupported_between(0.2)
    counts = [(~judged_by(shifted, g).columns["supported"]).sum() for g in (29.6, 37, 44.4)]
    assert counts[0] > counts[1] > counts[2] > 0
    assert told == pytest.approx((counts[2], counts[0]), abs=2)
    assert judged_by(shifted, 37.0).unsupported_between(0.0) == (counts[1], counts[1])


def test_an_offset_that_errs_with_the_gain_leaves_the_noise_at_the_mean(shifted):
    """One line through variance over brightness, turned about the mean."""
    mean, share = shifted[0].mean(), 0.2
    judged = judged_by(shifted, 37.0)
    told = judged.unsupported_between(share, share)
    counts = []
    for times in (1 - share, 1 + share):
        variance = 37 * (mean - 100)
        found = judged_by(shifted, 37 * times, mean - variance / (37 * times))
        counts.append((~found.columns["supported"]).sum())
    assert told == pytest.approx((min(counts), max(counts)), abs=2)
    alone = judged.unsupported_between(share)
    assert told[1] - told[0] < 0.5 * (alone[1] - alone[0])


@pytest.mark.parametrize("off", [1.5, 2.5])
def test_what_only_many_frames_show_is_told_with_its_size(off):
    """Frames whose middle is off by a known share of the noise in a neighbourhood of one."""
    frames, level, sigma = 16, 4.0, 0.049 / PIXEL
    shown = np.full(SHAPE, level)
    # both sums over a neighbourhood see as much of an even brightness
    shown[160:352, 160:352] += off / np.sqrt(2) * np.sqrt(level / np.pi) / (2 * sigma)
    movie = counts_of(np.full((frames, *SHAPE), level))
    result = sbd.agreement(movie, np.stack([shown] * frames), pixel_size=PIXEL, columns=[])
    told = re.search(r"All 16 frames .* off by about ([0-9.]+) times the noise", result.verdict())
    assert float(told[1]) == pytest.approx(off, rel=0.2)
    # of a single image nothing of the kind is said
    bright = shown + 3 * (shown > level)
    single = sbd.agreement(movie[0], bright, pixel_size=PIXEL, columns=[], denoiser=False)
    assert "differ" in single.verdict() and "frame" not in single.verdict()


@pytest.mark.parametrize("size, told", [(0.0122, True), ((0.0061, 0.0122), True), (None, False)])
def test_pixel_sizes_that_contradict_each_other_are_told(size, told):
    clean = lattice((64, 64), mean=4)
    noisy = sbd.Micrograph(np.random.default_rng(0).poisson(clean).astype(float), 0.0061, gain=1.0)
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        paired(noisy, sbd.Micrograph(clean, size))
        paired(noisy, sbd.Micrograph(clean, size), pixel_size=0.0061)  # which decides
    told_of = [one for one in heard if "pixels of the noisy image measure" in str(one.message)]
    assert len(told_of) == told
