import numpy as np
import pytest
import torch

import napari_sbd as sbd
from known import lattice
from napari_sbd.denoising.denoiser import Denoiser
from napari_sbd.movie import Drift

PIXEL = 0.0061


def test_the_estimate_is_far_nearer_to_the_truth(counts):
    truth = lattice(counts.shape)
    result = sbd.denoise(counts, pixel_size=PIXEL)
    assert result.shape == counts.shape
    assert result.dtype == np.float32
    assert np.mean((result - truth) ** 2) < np.mean((counts - truth) ** 2) / 50


@pytest.mark.parametrize("device", ["cuda", "mps"])
def test_devices_agree(counts, device):
    if not {"cuda": torch.cuda, "mps": torch.backends.mps}[device].is_available():
        pytest.skip(f"no {device} here")
    here, there = (sbd.denoise(counts, pixel_size=PIXEL, device=d) for d in ("cpu", device))
    assert np.abs(here - there).mean() < 0.05 * here.std()


def test_units_of_the_input_are_units_of_the_output(counts):
    """Gain and offset of the detector pass through; told or not, the result is the same."""
    plain = sbd.denoise(counts, pixel_size=PIXEL)
    told = sbd.denoise(300 * counts + 1000, pixel_size=PIXEL, gain=300, offset=1000)
    untold = sbd.denoise(300 * counts + 1000, pixel_size=PIXEL)
    spread = plain.std()
    assert np.abs((told - 1000) / 300 - plain).mean() < 0.05 * spread
    assert np.abs((untold - 1000) / 300 - plain).mean() < 0.05 * spread


def test_the_mean_is_kept(counts):
    assert sbd.denoise(counts, pixel_size=PIXEL).mean() == pytest.approx(counts.mean(), rel=0.02)


def test_a_micrograph_comes_back_calibrated_with_its_recipe(counts):
    source = sbd.Micrograph(counts, (PIXEL, 0.0065), gain=2.0, name="a", metadata={"kV": 300})
    result = sbd.denoise(source)
    assert result.pixel_size == (PIXEL, 0.0065)
    assert (result.gain, result.name, result.metadata["kV"]) == (2.0, "a", 300)
    (step,) = result.metadata["napari_sbd"]["history"]
    assert step["operation"] == "denoise"
    assert step["settings"]["block"] == [5, 5]
    assert step["settings"]["model_sha256"] == sbd.models()[0].sha256


def test_a_result_that_is_denoised_again_is_warned_of(counts, recwarn):
    """Also in scripts and on the command line; moved raw frames are no result."""
    movie = sbd.Micrograph(np.stack([counts, counts]), PIXEL, gain=1.0)
    still = sbd.correct_drift(movie, Drift(*np.zeros((2, 2, 2)), *np.full((2, 2), np.nan)))
    first = sbd.denoise(still)
    assert not any("already a result" in str(w.message) for w in recwarn)
    with pytest.warns(UserWarning, match="already a result"):
        sbd.denoise(first)


def test_frames_are_independent(counts):
    movie = np.stack([counts, np.roll(counts, 50, 0), counts])
    result = sbd.denoise(movie, pixel_size=PIXEL)
    np.testing.assert_array_equal(result[0], result[2])
    np.testing.assert_array_equal(result[0], sbd.denoise(counts, pixel_size=PIXEL))


@pytest.mark.parametrize("factor", [1e-30, 1e30])
def test_values_of_any_size(counts, factor):
    plain = sbd.denoise(counts, pixel_size=PIXEL)
    scaled = sbd.denoise(counts * np.float64(factor), pixel_size=PIXEL) / factor
    assert np.abs(scaled - plain).max() < 0.05 * plain.std()


def test_an_uncalibrated_movie_may_begin_with_a_blank_frame(counts):
    with pytest.warns(UserWarning, match="blank"):
        result = sbd.denoise(np.stack([np.zeros_like(counts), counts]))
    np.testing.assert_array_equal(result[1], sbd.denoise(counts))


def test_a_first_frame_with_nothing_but_a_hot_pixel_decides_nothing(counts):
    """Model and sampling are those of the frames that show something."""
    blank = np.full_like(counts, 5)
    blank[40, 30] = 6000
    movie = sbd.Micrograph(np.stack([blank, counts, counts[::-1]]))
    made = sbd.denoise(movie).metadata["napari_sbd"]["history"][0]["settings"]
    told = sbd.denoise(sbd.Micrograph(movie.data[1:]))
    kept = told.metadata["napari_sbd"]["history"][0]["settings"]
    for name in ("model", "model_choice", "block"):
        assert made[name] == kept[name]


def test_where_no_lattice_tells_the_sampling_it_says_so():
    noise = np.random.default_rng(5).poisson(1.0, (64, 64))
    with (
        pytest.warns(UserWarning, match="Give the pixel size"),
        pytest.warns(UserWarning, match="may be the model's own"),
    ):
        sbd.denoise(noise)


def test_a_dose_below_the_training_range_warns():
    dim = np.random.default_rng(6).poisson(lattice((96, 96), mean=0.01))
    with (
        pytest.warns(UserWarning, match="electrons per working pixel"),
        pytest.warns(UserWarning, match="may be the model's own"),
    ):
        sbd.denoise(dim, pixel_size=PIXEL, gain=1, model="hrtem")


def test_an_image_with_hardly_any_noise_warns():
    clean = lattice((205, 205))
    with pytest.warns(UserWarning, match="little is to be gained"):
        result = sbd.denoise(clean, pixel_size=PIXEL).data
    assert np.std(result - clean) < 0.02 * clean.std()


def test_a_failing_device_gets_a_sentence(counts, monkeypatch):
    def fail(*arguments, **options):
        raise RuntimeError("no kernel image is available")

    monkeypatch.setattr("napari_sbd.networks.tiling.run", fail)
    with pytest.raises(sbd.SBDError, match="no kernel image"):
        sbd.denoise(counts, pixel_size=PIXEL)


def test_blank_frames_of_a_movie_stay_as_they_are(counts):
    movie = np.stack([counts, np.zeros_like(counts), np.full_like(counts, np.nan)])
    with pytest.warns(UserWarning, match=r"\[1, 2\]"):
        result = sbd.denoise(movie, pixel_size=PIXEL)
    assert (result[1] == 0).all()
    assert np.isnan(result[2]).all()
    np.testing.assert_array_equal(result[0], sbd.denoise(counts, pixel_size=PIXEL))
    with pytest.raises(sbd.SBDError, match="constant"):
        sbd.denoise(np.ones((2, 64, 64)), pixel_size=PIXEL)


def test_the_same_twice(counts):
    first = sbd.denoise(counts, pixel_size=PIXEL)
    np.testing.assert_array_equal(first, sbd.denoise(counts, pixel_size=PIXEL))


def test_best_beats_fast(counts):
    truth = lattice(counts.shape)
    fast, best = (
        np.mean((sbd.denoise(counts, pixel_size=PIXEL, quality=q) - truth) ** 2)
        for q in ("fast", "best")
    )
    assert best < fast


@pytest.mark.parametrize("shape", [(32, 32), (33, 57), (101, 40), (64, 300)])
def test_shapes_that_do_not_divide(shape):
    image = np.random.default_rng(1).poisson(lattice(shape))
    result = sbd.denoise(image, pixel_size=PIXEL)
    assert result.shape == shape
    assert np.isfinite(result).all()


def test_pixels_that_are_not_square():
    """Squeezed by two along y, the same scene gives nearly the same estimate."""
    truth = lattice((200, 200))
    image = np.random.default_rng(2).poisson(truth)
    squeezed = image.reshape(100, 2, 200).sum(1)
    result = sbd.denoise(squeezed, pixel_size=(2 * PIXEL, PIXEL))
    error = result - truth.reshape(100, 2, 200).sum(1)
    assert np.mean(error**2) < 0.02


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16, np.float16, np.float64, bool])
def test_number_types(counts, dtype):
    result = sbd.denoise(counts[:64, :64].astype(dtype), pixel_size=PIXEL)
    assert result.dtype == np.float32
    assert np.isfinite(result).all()


def test_uncalibrated_images_take_their_sampling_from_the_lattice(counts):
    known, unknown = sbd.denoise(counts, pixel_size=PIXEL), sbd.denoise(counts)
    truth = lattice(counts.shape)
    ratio = np.mean((unknown - truth) ** 2) / np.mean((known - truth) ** 2)
    assert ratio < 3


def test_dead_pixels_hold_no_data(counts):
    """A few dead pixels cost little and are filled; a region without data stays NaN."""
    dead = counts.copy()
    dead[::17, ::13] = np.nan
    dead[100:140, 50:90] = np.nan
    result = sbd.denoise(dead, pixel_size=PIXEL)
    assert np.isnan(result[105:135, 55:85]).all()
    outside = np.isfinite(result)
    assert outside.sum() >= result.size - 41 * 41
    truth = lattice(counts.shape)
    assert np.mean((result - truth)[outside] ** 2) < 0.02
    masked = np.ma.masked_invalid(dead)
    np.testing.assert_array_equal(sbd.denoise(masked, pixel_size=PIXEL), result)


def test_negative_values_after_an_offset_are_data():
    values = np.random.default_rng(3).normal(lattice((96, 96), mean=2.0), 2)
    result = sbd.denoise(values - 5, pixel_size=PIXEL)
    assert np.mean((result + 5 - lattice((96, 96), mean=2.0)) ** 2) < 0.3


def test_progress_counts_frames(counts):
    told = []
    sbd.denoise(
        np.stack([counts, counts]),
        pixel_size=PIXEL,
        progress=lambda done, total: told.append((done, total)),
    )
    assert told[-1] == (2, 2)
    assert [d for d, _ in told] == sorted(d for d, _ in told)


def test_cancel(counts):
    with pytest.raises(sbd.Cancelled):
        sbd.denoise(counts, pixel_size=PIXEL, should_stop=lambda: True)


@pytest.mark.parametrize(
    ("image", "options", "sentence"),
    [
        (np.ones((64, 64)), {}, "constant"),
        (np.full((64, 64), np.nan), {}, "no finite pixel"),
        (np.ones((31, 64)), {}, "at least 32"),
        (np.ones(64), {}, "1 axis"),
        (np.ones((64, 64, 3)), {}, "RGB"),
        (np.ones((64, 64), complex), {}, "complex"),
        (np.ones((0, 64)), {}, "empty"),
        (np.eye(64), {"pixel_size": -1}, "pixel size"),
        (np.eye(64), {"model": "none"}, "no model"),
        (np.eye(64), {"device": "cuda:77"}, "device"),
        (np.eye(64), {"quality": "superb"}, "quality"),
        (np.eye(64), {"gain": 1.0, "offset": 5.0}, "below the offset"),
    ],
)
def test_what_cannot_be_denoised_gets_a_sentence(image, options, sentence):
    with pytest.raises(sbd.SBDError, match=sentence):
        sbd.denoise(image, **options)


def test_a_pixel_size_outside_the_training_range_warns(counts):
    with (
        pytest.warns(UserWarning, match="trained at"),
        pytest.warns(UserWarning, match="lattice would be"),
        pytest.warns(UserWarning, match="further from the truth than a Gaussian blur"),
    ):
        sbd.denoise(counts, pixel_size=0.2, model="hrtem")


def test_a_pixel_size_that_no_lattice_can_have_warns_whatever_network_knows_it(counts):
    with pytest.warns(UserWarning, match="lattice would be"):
        result = sbd.denoise(sbd.Micrograph(counts, 0.2))
    assert result.metadata["napari_sbd"]["history"][-1]["settings"]["model"] == "low-mag"


def test_a_dask_movie_is_read_frame_by_frame(counts):
    import dask.array as da

    read = []

    def frame(block_info=None):
        read.append(block_info[None]["chunk-location"][0])
        return counts[None]

    shape = (3, *counts.shape)
    movie = da.map_blocks(frame, dtype=counts.dtype, chunks=((1, 1, 1), *((n,) for n in shape[1:])))
    worker = Denoiser(sbd.Micrograph(movie, PIXEL))
    read.clear()
    worker(movie[1])
    assert read == [1]


@pytest.mark.parametrize("gain", [1.0, None])
def test_the_first_frame_may_be_without_beam(gain, tmp_path):
    rng = np.random.default_rng(0)
    lit = rng.poisson([lattice((96, 96), mean=2.0)] * 2).astype(np.float32)
    dark = rng.normal(-0.02, 0.3, (96, 96)).astype(np.float32)
    expected = sbd.denoise(sbd.Micrograph(lit, PIXEL, gain=gain))
    m = sbd.Micrograph(np.stack([dark, *lit]), PIXEL, gain=gain)
    denoised = sbd.denoise(m)
    np.testing.assert_array_equal(denoised.data[1:], expected.data)
    step, alone = (
        r.metadata["napari_sbd"]["history"][-1]["settings"] for r in (denoised, expected)
    )
    assert (step["model"], step["dose"]) == (alone["model"], alone["dose"])
    sbd.write(m, tmp_path / "movie.h5")
    sbd.denoise_file(tmp_path / "movie.h5", tmp_path / "result.zarr")
    np.testing.assert_allclose(sbd.read(tmp_path / "result.zarr").data, denoised.data, atol=1e-5)


@pytest.mark.parametrize("first", ["without beam", "zero"])
def test_counts_of_a_movie_are_those_of_its_first_frame_with_beam(first):
    rng = np.random.default_rng(0)
    truth = np.stack([lattice((96, 96), mean=2.0)] * 2)
    lit = rng.poisson(truth).astype(np.float32)
    dark = rng.normal(-0.02, 0.3, (96, 96)) if first == "without beam" else np.zeros((96, 96))
    movie = np.stack([dark.astype(np.float32), *lit])
    model = np.stack([0 * dark, *truth])
    result = sbd.agreement(sbd.Micrograph(movie, PIXEL, gain=1.0), model)
    assert 0.8 < np.nanstd(result.z) < 1.3


def fringes():
    """Expected and drawn counts of a lattice."""
    y, x = np.indices((512, 512)) * 2 * np.pi * 0.006 / 0.25
    clean = 0.45 * (1 + 0.3 * np.cos(y) * np.cos(0.9 * x))
    return clean, np.random.default_rng(0).poisson(clean).astype(np.float32)


def test_a_lattice_that_the_model_loses_is_put_back(model):
    """The model was never trained; nothing of the lattice comes through it."""
    clean, counts = fringes()
    with pytest.warns(UserWarning, match=r"A period of 0\.(18|19) nm .* was put back"):
        found = sbd.denoise(counts, pixel_size=0.006, model=model)
    wave = clean - clean.mean()
    assert 0.6 < (wave * (found - found.mean())).sum() / (wave**2).sum() < 1.1


def test_a_lattice_that_is_lost_is_told(model):
    """Lines that jitter smear it over a column of the spectrum."""
    rng = np.random.default_rng(0)
    y, x = np.indices((512, 512)) * 0.006 / 0.25
    x = x + rng.normal(0, 0.28, 103).repeat(5)[:512, None]
    counts = rng.poisson(0.45 * (1 + 0.2 * np.cos(2 * np.pi * (x + 0.3 * y)))).astype(np.float32)
    with pytest.warns(UserWarning) as said:
        sbd.denoise(counts, pixel_size=0.006, model=model)
    assert any("of model 'untrained' has lost" in str(w.message) for w in said)


def test_a_lattice_that_comes_through_is_not_called_lost():
    sbd.denoise(fringes()[1], pixel_size=0.006, model="hrtem")  # no warning
