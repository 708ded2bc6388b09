import numpy as np
import pytest

import napari_sbd as sbd
from known import lattice
from napari_sbd import Micrograph, SBDError
from napari_sbd.micrograph.frames import lit_frames, reference_frame, reference_number
from napari_sbd.micrograph.telling import repeated_frames


@pytest.mark.parametrize(
    ("factor", "dtype"),
    [(1e-100, "f8"), (1e-42, "f4"), (1e-42, "f8"), (1e37, "f4"), (1e37, "f8"), (1e100, "f8")],
)
def test_values_that_single_precision_cannot_compute_with_are_refused(factor, dtype):
    counts = np.random.default_rng(0).poisson(lattice((64, 64))) * factor
    with pytest.raises(sbd.SBDError, match=r"single precision.*divide the values by"):
        sbd.denoise(counts.astype(dtype), pixel_size=0.0061, model="hrtem")


@pytest.mark.filterwarnings("ignore:What model:UserWarning")
@pytest.mark.parametrize("factor", [1e-30, 1e30])
def test_the_unit_of_the_values_does_not_matter(factor):
    counts = np.random.default_rng(0).poisson(lattice((64, 64))).astype(float)
    expected = sbd.denoise(counts, pixel_size=0.0061, model="hrtem")
    denoised = sbd.denoise(counts * factor, pixel_size=0.0061, model="hrtem")
    np.testing.assert_allclose(denoised / factor, expected, rtol=1e-4)


def dark(seed, mean=-0.02, size=64):
    """A frame without beam, less a dark image of another time [electrons]."""
    return np.random.default_rng(seed).normal(mean, 0.3, (size, size)).astype(np.float32)


def lit(seed, dose=1.0, size=64):
    rng = np.random.default_rng(seed)
    return (rng.poisson(dose, (size, size)) + rng.normal(0, 0.3, (size, size))).astype(np.float32)


@pytest.mark.parametrize("scale", [{"gain": 1.0}, {}, {"gain": 20.0, "offset": 400.0}])
@pytest.mark.parametrize("mean", [-0.02, 0.0, 0.02, 0.05])
@pytest.mark.parametrize("number", [0, 1, 5])
def test_the_first_frame_with_beam_is_found(number, mean, scale):
    frames = [dark(i, mean) for i in range(number)] + [lit(i) for i in range(3)] + [dark(9, mean)]
    data = np.stack(frames) * scale.get("gain", 1.0) + scale.get("offset", 0.0)
    m = Micrograph(data.astype(np.float32), **scale)
    assert reference_number(m) == number
    np.testing.assert_array_equal(reference_frame(m), m.data[number])


@pytest.mark.parametrize("dose", [0.02, 0.1, 1, 100])
def test_frames_of_few_electrons_have_beam(dose):
    counts = np.random.default_rng(0).poisson(dose, (4, 64, 64)).astype(np.uint16)
    assert reference_number(Micrograph(counts, gain=1.0)) == 0


def test_a_movie_that_grows_brighter_begins_with_its_first_frame():
    m = Micrograph(np.stack([lit(i, dose) for i, dose in enumerate((0.2, 0.5, 1.5))]), gain=1.0)
    assert reference_number(m) == 0


@pytest.mark.parametrize("fill", [0.0, np.nan, 7.0])
def test_blank_frames_are_passed_over(fill):
    data = np.stack([np.full((64, 64), fill, np.float32), dark(1), lit(2)])
    assert reference_number(Micrograph(data, gain=1.0)) == 2


def test_frames_that_are_constant_but_for_a_few_pixels_are_passed_over():
    """A hot pixel or one line does not make an image of them."""
    data = np.stack([np.full((64, 64), 500.0, np.float32), 500 + lit(1), 500 + lit(2)])
    data[0, 5, 7] = 6000
    movie = Micrograph(data)
    assert reference_number(movie) == 1
    assert lit_frames(movie) == [1, 2]
    # where so few electrons arrive that all frames look like that, the first one stands
    sparse = np.random.default_rng(0).poisson(5e-4, (4, 128, 128)).astype(np.float32)
    assert all((frame == 0).mean() > 0.999 and frame.any() for frame in sparse)
    assert reference_number(Micrograph(sparse, gain=1.0)) == 0
    assert lit_frames(Micrograph(sparse, gain=1.0)) == [0, 1, 2, 3]


@pytest.mark.parametrize("taken", ["the movie's mean", "each frame's mean", "more than the mean"])
@pytest.mark.parametrize("dose", [0.05, 1, 100])
def test_values_whose_mean_was_taken_off_have_beam_in_every_frame(dose, taken):
    counts = np.random.default_rng(0).poisson(dose * lattice((64, 64)), (6, 64, 64)).astype(float)
    mean = counts.mean((1, 2), keepdims=True) if taken[0] == "e" else counts.mean()
    movie = Micrograph(counts - mean * (1.2 if taken[0] == "m" else 1))
    assert reference_number(movie) == 0
    assert lit_frames(movie) == [0, 1, 2, 3, 4, 5]


def test_frames_without_beam_are_told_beside_few_electrons():
    frames = [dark(0), lit(1, 0.1), dark(2, 0.0), lit(3, 0.1), lit(4, 0.1)]
    assert lit_frames(Micrograph(np.stack(frames), gain=1.0)) == [1, 3, 4]


def test_where_no_frame_has_beam_the_first_with_values_stands():
    data = np.stack([np.zeros((64, 64), np.float32), dark(1), dark(2)])
    assert reference_number(Micrograph(data, gain=1.0)) == 1
    with pytest.raises(SBDError):
        reference_frame(Micrograph(data[:1]))


def test_frames_that_were_written_twice_are_known():
    movie = np.random.default_rng(0).poisson(0.1, (7, 32, 32)).astype(float)
    movie[2] = movie[1]
    movie[5:] = movie[4]
    movie[1:3, 3, 4] = np.nan
    assert repeated_frames(Micrograph(movie)) == [2, 5, 6]
    assert repeated_frames(Micrograph(movie), [0, 1, 3, 4, 6]) == [6]
    assert repeated_frames(Micrograph(np.zeros((3, 8, 8)))) == []  # blank
    assert repeated_frames(Micrograph(movie[0])) == []


def test_frames_that_cannot_be_read_are_passed_over():
    import dask.array as da
    from dask import delayed

    def broken():
        raise OSError("bad sector")

    lost = da.from_delayed(delayed(broken)(), (64, 64), np.float32)
    m = Micrograph(da.stack([lost, da.from_array(lit(0))]), gain=1.0)
    assert reference_number(m) == 1
