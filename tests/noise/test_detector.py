import re
from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

import napari_sbd as sbd
from known import lattice

PIXEL = 0.0061


def scene(dose):
    """Vacuum above a specimen that is darker and shows a lattice."""
    image = 0.7 * lattice((640, 640), contrast=0.2)
    image[:300] = 1.0
    return dose * gaussian_filter(image, 3)


@pytest.mark.parametrize("spread", [0.0, 0.6])
def test_gain_and_offset_of_one_image(spread):
    electrons = np.random.default_rng(0).poisson(scene(5.0)).astype(float)
    electrons = gaussian_filter(electrons, spread) if spread else electrons
    image = 20 * electrons + 100
    found = sbd.estimate_detector(sbd.Micrograph(image, PIXEL))
    assert found.gain == pytest.approx(20, rel=0.05)
    assert found.offset == pytest.approx(100, abs=0.015 * np.ptp(image))
    assert abs(found.gain - 20) < 4 * found.gain_err
    assert found.sure
    assert (found.correlation > 0.1) == bool(spread)


def test_a_dark_region_gives_offset_and_read_out_noise():
    rng = np.random.default_rng(1)
    expected = scene(5.0)
    expected[:, :100] = 0
    image = 20 * rng.poisson(expected) + 100 + rng.normal(0, 15, expected.shape)
    dark = np.zeros(image.shape, bool)
    dark[:, :90] = True
    found = sbd.estimate_detector(sbd.Micrograph(image, PIXEL), dark=dark)
    assert found.offset == pytest.approx(100, abs=4 * found.offset_err)
    assert found.read_noise == pytest.approx(15, rel=0.03)
    assert found.gain == pytest.approx(20, rel=0.05)


def test_a_movie_tells_by_its_differences():
    movie = 3.0 * np.random.default_rng(2).poisson(np.broadcast_to(scene(2.0), (4, 640, 640))) + 7
    found = sbd.estimate_detector(movie)
    assert found.gain == pytest.approx(3, rel=0.03)
    assert found.offset == pytest.approx(7, abs=0.3)


@pytest.mark.parametrize("side", [96, 128])
def test_a_small_movie_whose_noise_hangs_together_tells_its_gain(side):
    """A part of it has no frequency in some rings of the spectrum."""
    mean = 8 * lattice((side, side)) * np.linspace(0.5, 1.5, side)
    found = []
    for seed in range(3):
        electrons = np.random.default_rng(seed).poisson(mean, (8, side, side)).astype(float)
        movie = 20 * gaussian_filter(electrons, (0, 0.8, 0.8), mode="wrap")
        found.append(sbd.estimate_detector(sbd.Micrograph(movie, PIXEL), offset=0.0))
    for one in found:
        assert abs(one.gain - 20) < 3 * one.gain_err
        assert one.gain_err < 7
        assert one.correlation == pytest.approx(0.667, abs=0.02)
    assert np.mean([one.gain for one in found]) == pytest.approx(20, rel=0.06)


@pytest.mark.parametrize("given", [{"gain": 0.0}, {"gain": -2.0}, {"offset": float("nan")}])
def test_what_no_detector_has_is_refused(given):
    """A gain of 0 was taken for unknown, without a word."""
    image = sbd.Micrograph(np.random.default_rng(0).poisson(scene(5.0)).astype(np.float32), PIXEL)
    with pytest.raises(sbd.SBDError, match="must be"):
        sbd.estimate_detector(image, **given)


def test_what_is_given_is_kept():
    image = 20.0 * np.random.default_rng(3).poisson(scene(5.0)) + 100
    found = sbd.estimate_detector(sbd.Micrograph(image, PIXEL), offset=100.0)
    assert (found.offset, found.offset_err) == (100, 0)
    assert found.gain == pytest.approx(20, rel=0.01)
    found = sbd.estimate_detector(sbd.Micrograph(image, PIXEL, gain=20.0, offset=100.0))
    assert (found.gain, found.gain_err, found.offset) == (20, 0, 100)
    assert "gain 20 (given), offset 100 (given)" in str(found)


@pytest.mark.parametrize("read", [1.0, 2.0])
def test_read_out_noise_does_not_pass_for_gain_where_the_offset_is_known(read):
    """Gains of 12.5 and 20 with errors of 4 % were told for 10.37."""
    y, x = np.indices((384, 384))
    mean = 4 * (1 + 0.9 * np.sin(2 * np.pi * x / 170) * np.sin(2 * np.pi * y / 200))
    for seed in range(2):
        rng = np.random.default_rng(seed)
        image = 10.37 * (rng.poisson(mean) + rng.normal(0, read, mean.shape)) + 50
        found = sbd.estimate_detector(sbd.Micrograph(image, PIXEL), offset=50.0)
        assert found.offset == 50
        assert found.gain == pytest.approx(10.37, rel=0.05)
        assert abs(found.gain - 10.37) < 2 * found.gain_err < 0.3 * found.gain
        assert abs(found.read_noise - 10.37 * read) < 3 * found.read_noise_err < 8
        known = sbd.estimate_detector(sbd.Micrograph(image, PIXEL), offset=50.0, gain=10.37)
        assert known.read_noise == pytest.approx(10.37 * read, rel=0.1)
        assert "told apart" not in str(known)


def test_a_flat_image_leaves_open_what_is_noise_of_the_read_out():
    rng = np.random.default_rng(0)
    image = 10.37 * rng.poisson(4.0, (384, 384)) + 50.5 + rng.normal(0, 1, (384, 384))
    found = sbd.estimate_detector(sbd.Micrograph(image, PIXEL), offset=50.5)
    assert abs(found.gain - 10.37) < found.gain_err < 0.15 * found.gain
    assert "Noise of the electrons and of the read-out cannot be told apart" in str(found)


def test_filtered_images_are_called_correlated():
    image = gaussian_filter(np.random.default_rng(4).poisson(scene(5.0)).astype(float), 1.0)
    assert "correlated" in str(sbd.estimate_detector(sbd.Micrograph(image, PIXEL)))


def test_what_makes_a_gain_unsure_is_named():
    """Of brightness from 5 to 28 electrons the line is sure; few pixels leave a point spread open.

    It was said to vary too little, and who made it vary more was told the same again.
    """
    rng = np.random.default_rng(8)
    y, x = np.indices((256, 256))
    few = 5.0 + 8 * (x > 128) + 15 * (y > 180)
    many = np.tile(few, (4, 4))
    found = sbd.estimate_detector(rng.poisson(few) * 12.3 + 100)
    assert not found.sure and abs(found.gain - 12.3) < 0.15 * found.gain_err
    assert "vary too little" not in str(found) and "a larger image" in str(found)
    assert sbd.estimate_detector(rng.poisson(many) * 12.3 + 100).sure
    even = sbd.estimate_detector(rng.poisson(np.full((512, 512), 5.0)) * 12.3 + 100)
    assert "vary too little" in str(even)


def test_even_noise_does_not_tell_a_gain():
    """Gaussian noise that does not grow with the brightness."""
    image = scene(100.0) + np.random.default_rng(5).normal(0, 5, (640, 640))
    found = sbd.estimate_detector(sbd.Micrograph(image, PIXEL))
    assert not found.sure
    assert not found.tells_gain
    # that is said first, and no number of gain, offset or read-out noise after it
    words = str(found)
    assert words.startswith("The data cannot tell the gain: brightness and dose vary too little.")
    assert not re.search(r"(gain|offset|read-out noise) [0-9-]", words)
    assert "Correlation of neighbours" in words
    legend = found.figure().axes[0].get_legend()
    assert [text.get_text() for text in legend.get_texts()] == ["tiles"]
    # a dark region tells offset and read-out noise, whatever the gain is
    dark = np.zeros(image.shape, bool)
    dark[:, :64] = True
    image[dark] = np.random.default_rng(6).normal(30, 5, dark.sum())
    seen = sbd.estimate_detector(sbd.Micrograph(image, PIXEL, gain=None), dark=dark)
    assert f"offset {seen.offset:.4g} ±" in str(seen).lower()
    assert seen.offset == pytest.approx(30, abs=0.2)
    # a scan whose spectrum tells the read-out noise was said to have "offset 4.65e+04 ± 3e+14"
    scan = replace(found, read_noise=6.7e3, read_noise_err=22.0, offset=4.65e4, offset_err=3e14)
    assert "read-out noise 6.7e+03 ±" in str(scan).lower()
    assert "offset" not in str(scan).lower()


def test_the_plot_shows_variance_and_spectrum(tmp_path):
    image = np.random.default_rng(6).poisson(scene(5.0))
    figure = sbd.estimate_detector(sbd.Micrograph(image, PIXEL)).figure()
    figure.savefig(tmp_path / "detector.png")
    assert (tmp_path / "detector.png").stat().st_size > 5000


@pytest.mark.parametrize(
    ("image", "options", "words"),
    [
        (np.eye(32), {}, "64 x 64"),
        (np.eye(64), {"dark": np.ones((3, 3), bool)}, "mask"),
        (np.ones((64, 64)), {}, "constant"),
        (np.where(np.arange(80) < 2, 0.0, np.nan) + np.eye(80), {}, "holds data"),
    ],
)
def test_bad_input_is_refused(image, options, words):
    with pytest.raises(sbd.SBDError, match=words):
        sbd.estimate_detector(image, **options)


def test_a_part_that_no_electron_reaches_does_no_harm():
    expected = scene(5.0)
    expected[:, :300] = 0
    image = 20 * np.random.default_rng(2).poisson(expected) + 100
    found = sbd.estimate_detector(sbd.Micrograph(image, PIXEL))
    assert found.gain == pytest.approx(20, rel=0.05)
    assert found.offset == pytest.approx(100, abs=1)


def test_the_noise_of_a_camera_is_correlated_over_its_point_spread():
    electrons = np.random.default_rng(0).poisson(scene(5.0)).astype(float)
    found = sbd.estimate_detector(sbd.Micrograph(gaussian_filter(electrons, 0.8), PIXEL))
    # a Gaussian convolved with itself is wider by the square root of two
    expected = np.exp(-(np.arange(4) ** 2) / (4 * 0.8**2))
    np.testing.assert_allclose(found.autocorrelation[:4], expected, atol=0.05)


def _strip(shape, rng):
    return np.arange(shape[1]) < 0.3 * shape[1]


def _scattered(shape, rng):
    return rng.random(shape) < 0.05


@pytest.mark.parametrize("missing", [_strip, _scattered])
@pytest.mark.parametrize("frames", [1, 3])
@pytest.mark.parametrize("spread", [0.0, 0.6])
def test_pixels_without_data_do_no_harm(missing, frames, spread):
    rng = np.random.default_rng(8)
    electrons = rng.poisson(np.broadcast_to(scene(5.0), (frames, 640, 640))).astype(float)
    movie = 20 * gaussian_filter(electrons, (0, spread, spread)) + 100
    whole = sbd.estimate_detector(sbd.Micrograph(movie.squeeze(), PIXEL), offset=100.0)
    movie[:, np.broadcast_to(missing((640, 640), rng), (640, 640))] = np.nan
    found = sbd.estimate_detector(sbd.Micrograph(movie.squeeze(), PIXEL), offset=100.0)
    assert found.gain == pytest.approx(whole.gain, rel=0.03)
    assert abs(found.gain - 20) < 4 * found.gain_err
    assert found.correlation == pytest.approx(whole.correlation, abs=0.01)


@pytest.mark.parametrize("value", [0, np.nan])
def test_frames_without_beam_tell_nothing(value):
    movie = 3.0 * np.random.default_rng(2).poisson(np.broadcast_to(scene(2.0), (4, 640, 640))) + 7
    usual = sbd.estimate_detector(sbd.Micrograph(movie, PIXEL))
    blank = np.full((1, 640, 640), value)
    found = sbd.estimate_detector(sbd.Micrograph(np.concatenate([movie, blank]), PIXEL))
    assert (found.gain, found.offset) == (usual.gain, usual.offset)


def test_masked_pixels_hold_no_data():
    image = 20.0 * np.random.default_rng(3).poisson(scene(5.0)) + 100
    hidden = np.broadcast_to(np.arange(640) < 200, image.shape)
    masked = np.ma.masked_array(np.where(hidden, 65535, image), hidden)
    found = sbd.estimate_detector(masked, offset=100.0)
    assert found.gain == pytest.approx(20, rel=0.02)


def test_a_dark_region_may_miss_pixels():
    rng = np.random.default_rng(1)
    dark = np.broadcast_to(np.arange(640) < 90, (640, 640))
    image = 20 * rng.poisson(np.where(dark, 0, scene(5.0))) + 100 + rng.normal(0, 15, (640, 640))
    image[rng.random(image.shape) < 0.05] = np.nan
    found = sbd.estimate_detector(sbd.Micrograph(image, PIXEL), dark=dark)
    assert found.offset == pytest.approx(100, abs=4 * found.offset_err)
    assert found.read_noise == pytest.approx(15, rel=0.03)


def uneven(n=512):
    """A lattice under light that falls to a third."""
    image = 1 + 0.25 * gaussian_filter(lattice((n, n)) - 1, 3)
    return image * np.linspace(0.5, 1.5, n)


FIXED = 1 + np.random.default_rng(9).standard_normal((512, 512))


def _long_tails(electrons):
    f = np.hypot(np.fft.fftfreq(512)[:, None], np.fft.fftfreq(512))
    return np.fft.ifft2(np.fft.fft2(electrons) / (1 + (f / 0.25) ** 2)).real


def _streaks(electrons):
    result = electrons.astype(float)
    for x in range(1, 512):
        result[:, x] = 0.4 * result[:, x - 1] + 0.6 * electrons[:, x]
    return result


def _pattern(electrons, spread):
    return electrons * (1 + spread * (FIXED - 1))


CAMERAS = {
    "counting": (20, 5, lambda e: 20 * e + 400),
    "point spread": (20, 5, lambda e: 20 * gaussian_filter(e.astype(float), 0.5) + 400),
    "little point spread": (20, 5, lambda e: 20 * gaussian_filter(e.astype(float), 0.3) + 400),
    "long tails": (20, 5, lambda e: 20 * _long_tails(e) + 400),
    "streaks": (20, 5, lambda e: 20 * _streaks(e) + 400),
    "rounded": (0.3, 5, lambda e: np.round(0.3 * e + 10)),
    "fixed pattern": (20, 50, lambda e: 20 * _pattern(e, 0.05) + 400),
    "strong fixed pattern": (20, 20, lambda e: 20 * _pattern(e, 0.2) + 400),
    "row offsets": (
        20,
        5,
        lambda e: 20 * e + 400 + 10 * np.random.default_rng(4).normal(size=(512, 1)),
    ),
}


@pytest.mark.parametrize("camera", CAMERAS)
def test_it_is_sure_only_of_gains_that_are_right(camera):
    gain, dose, record = CAMERAS[camera]
    for seed in range(3):
        image = record(np.random.default_rng(seed).poisson(dose * uneven()))
        found = sbd.estimate_detector(sbd.Micrograph(image, PIXEL))
        assert not found.sure or abs(found.gain - gain) < 3 * found.gain_err
        assert found.sure or camera not in ("counting", "point spread", "little point spread")


def test_a_movie_tells_the_gain_without_the_fixed_pattern():
    frames = np.random.default_rng(3).poisson(np.broadcast_to(50 * uneven(), (3, 512, 512)))
    found = sbd.estimate_detector(sbd.Micrograph(20 * _pattern(frames, 0.05) + 400, PIXEL))
    assert found.sure
    assert found.gain == pytest.approx(20, abs=3 * found.gain_err)
    assert found.gain == pytest.approx(20, rel=0.02)


def test_the_rounding_of_a_file_is_no_shot_noise():
    """Steps of one at a gain of 1.5: a twelfth, which would move the offset by 0.06."""
    offsets = []
    for seed in range(8):
        rng = np.random.default_rng(seed)
        image = np.round(1.5 * rng.poisson(2 * uneven()) + 100 + rng.normal(0, 0.3, (512, 512)))
        found = sbd.estimate_detector(sbd.Micrograph(image, PIXEL), gain=1.5)
        offsets.append(found.offset)
    # the read-out noise, which is not known here, is left in: 0.09 / 1.5
    assert np.mean(offsets) == pytest.approx(100 - 0.09 / 1.5, abs=0.012)


def test_what_is_said_of_the_errors_is_true():
    """Over 24 images: neither too small nor too large."""
    pulls = []
    for seed in range(24):
        image = 20 * np.random.default_rng(seed).poisson(uneven()) + 400
        found = sbd.estimate_detector(sbd.Micrograph(image, PIXEL))
        pulls.append(((found.gain - 20) / found.gain_err, (found.offset - 400) / found.offset_err))
    spread = np.std(pulls, 0)
    assert (spread > 0.65).all()
    assert (spread < 1.4).all()


@pytest.mark.parametrize("offset", [0.0, 3000.0])
def test_a_large_offset_changes_nothing(offset):
    image = 2.0 * np.random.default_rng(11).poisson(scene(0.5)) + offset
    found = sbd.estimate_detector(sbd.Micrograph(image, PIXEL), offset=offset)
    assert found.gain == pytest.approx(2, rel=0.01)


def test_errors_from_a_dark_region_are_true():
    """Offset and read-out noise of 48 images, neither too certain nor too uncertain."""
    pulls, dark = [], np.broadcast_to(np.arange(96) < 20, (96, 96))
    for seed in range(48):
        rng = np.random.default_rng(seed)
        electrons = rng.poisson(np.where(dark, 0, 5 * uneven(96)))
        image = 20 * electrons + 100 + rng.normal(0, 15, dark.shape)
        found = sbd.estimate_detector(sbd.Micrograph(image, PIXEL), dark=dark)
        pulls.append(
            [
                (found.offset - 100) / found.offset_err,
                (found.read_noise - 15) / found.read_noise_err,
            ]
        )
    spread = np.std(pulls, 0)
    assert ((spread > 0.7) & (spread < 1.4)).all()


@pytest.mark.parametrize("sigma", [0.0, 0.5, 0.8])
def test_the_error_of_the_correlation_covers_what_sampling_does_to_a_point_spread(sigma):
    for seed in range(3):
        electrons = np.random.default_rng(seed).poisson(5 * uneven(256)).astype(float)
        kernel = gaussian_filter(np.eye(1, 33, 16)[0], sigma) if sigma else np.eye(1, 33, 16)[0]
        true = (kernel[1:] @ kernel[:-1]) / (kernel @ kernel)
        image = 20 * (gaussian_filter(electrons, sigma) if sigma else electrons) + 400
        found = sbd.estimate_detector(sbd.Micrograph(image, PIXEL))
        assert abs(found.correlation - true) < 2 * found.correlation_err
        assert found.correlation_err < 0.05


@pytest.mark.parametrize(
    ("spread", "gain", "read", "dose"),
    [
        (0.7, 15, 20, 10),
        (1.2, 18, 15, 10),
        (0.5, 18, 20, 10),
        (0.5, 0.3, 1.0, 30),
        (0.5, 18, 0, 10),
    ],
)
def test_read_out_noise_beside_a_point_spread_does_not_make_the_gain_small(
    spread, gain, read, dose
):
    """Six frames of a still scene. The white noise was counted to what a point spread lets pass:
    gains were told as 0.50 to 0.89 of what they are, up to nine errors off and at times sure."""
    truth = dose * uneven(256)
    for seed in range(3):
        rng = np.random.default_rng([seed, 31])
        frames = [gaussian_filter(rng.poisson(truth).astype(float), spread) for _ in range(6)]
        movie = gain * np.stack(frames) + 100 + rng.normal(0, read, (6, 256, 256))
        found = sbd.estimate_detector(sbd.Micrograph(movie, 0.02))
        assert found.gain == pytest.approx(gain, abs=3 * found.gain_err)
        assert found.gain == pytest.approx(gain, rel=0.2)
        assert found.offset == pytest.approx(100, abs=4 * found.offset_err)
        if found.read_noise:
            assert found.read_noise == pytest.approx(read, rel=0.2, abs=4 * found.read_noise_err)
            assert "taken for 0" not in str(found)
        elif found.tells_gain:
            assert "taken for 0" in str(found)


def test_a_frame_that_was_written_twice_does_no_harm():
    """The whiteness of no noise at all was asked for: a warning of numpy, and a wrong answer."""
    frames = 20 * np.random.default_rng(5).poisson(np.broadcast_to(5 * uneven(256), (4, 256, 256)))
    twice = frames[[0, 0, 1, 2, 3]] + 100.0
    found = sbd.estimate_detector(sbd.Micrograph(twice, PIXEL))
    alone = sbd.estimate_detector(sbd.Micrograph(frames + 100.0, PIXEL))
    assert (found.gain, found.offset) == pytest.approx((alone.gain, alone.offset))
    with pytest.raises(sbd.SBDError, match="All frames are the same"):
        sbd.estimate_detector(sbd.Micrograph(np.stack([frames[0], frames[0] + 1]), PIXEL))


@pytest.mark.parametrize(("dose", "read"), [(0.1, 0.3), (0.4, 0.75)])
@pytest.mark.parametrize("frames", [1, 6])
def test_read_out_noise_of_faint_frames_does_not_make_the_gain_small(dose, read, frames):
    """It varies means and not variances: gains of 0.4 to 0.7 of the true one were told, up to
    fifteen of their errors off, and those of six frames were sure."""
    truth = dose * lattice((256, 288)) * (1 + 0.5 * (np.indices((256, 288))[1] > 150))
    z = []
    for seed in range(6 if frames == 1 else 2):
        rng = np.random.default_rng(seed)
        shape = (frames, *truth.shape) if frames > 1 else truth.shape
        image = 30 * rng.poisson(truth, shape) + 400 + rng.normal(0, 30 * read, shape)
        found = sbd.estimate_detector(image)
        z.append((found.gain - 30) / found.gain_err)
        assert abs(z[-1]) < 3
    if frames > 1:
        assert found.gain_err < 8
    assert abs(np.mean(z)) * np.sqrt(len(z)) < 2.5
