import dask.array
import numpy as np
import pytest

import napari_sbd as sbd
from known import lattice
from napari_sbd.noise.fixed_pattern import doubt_fixed_pattern, estimate_fixed_pattern
from napari_sbd.noise.references import apply_references

SHAPE = 96, 128


@pytest.fixture
def camera():
    """Expected electrons, dark level and response of the pixels, all of them alive."""
    rng = np.random.default_rng(0)
    expected = 200 * lattice(SHAPE, 24.0)
    return expected, 50 + rng.normal(0, 4, SHAPE), rng.normal(1, 0.1, SHAPE)


def record(camera, rng, frames=None):
    expected, dark, response = camera
    shape = SHAPE if frames is None else (frames, *SHAPE)
    return dark + response * rng.poisson(np.broadcast_to(expected, shape))


def test_references_give_the_electrons_back(camera):
    expected, dark, response = camera
    image = dark + response * expected
    micrograph = sbd.Micrograph(image, 0.01, gain=2.0, offset=55.0)
    found = apply_references(micrograph, dark, 7 * response)
    # the reference's own mean stays with the gain
    np.testing.assert_allclose(found.data, expected * response.mean(), rtol=1e-6)
    assert (found.gain, found.offset, found.pixel_size) == (2.0, 0.0, 0.01)


def test_an_inverse_reference_is_recognised(camera):
    expected, dark, response = camera
    image = sbd.Micrograph(record(camera, np.random.default_rng(1)))
    divided = apply_references(image, dark, response)
    multiplied = apply_references(image, dark, 1 / response)
    ratio = multiplied.data / divided.data
    np.testing.assert_allclose(ratio, ratio[0, 0], rtol=1e-6)
    asked = apply_references(image, dark, 1 / response, multiply=True)
    np.testing.assert_array_equal(asked.data, multiplied.data)
    noise = (divided.data - expected).std()
    assert noise == pytest.approx(np.sqrt(200), rel=0.05)


def test_a_reference_without_trace_is_reported(camera):
    image = np.random.default_rng(2).poisson(camera[0])
    with pytest.warns(UserWarning, match="no trace"):
        apply_references(sbd.Micrograph(image), None, camera[2])


def test_the_offset_is_subtracted_where_there_is_no_dark_reference(camera):
    expected, _, response = camera
    image = sbd.Micrograph(100 + response * expected, offset=100.0)
    found = apply_references(image, gain_reference=response)
    np.testing.assert_allclose(found.data, expected * response.mean(), rtol=1e-6)
    assert found.offset == 0


def test_a_dark_reference_alone(camera):
    expected, dark, _ = camera
    found = apply_references(sbd.Micrograph((expected + dark).astype(np.float32)), dark)
    np.testing.assert_allclose(found.data, expected, rtol=1e-4)
    assert found.data.dtype == np.float32


def test_movies_stay_lazy_and_their_references_may_be_movies(camera, tmp_path):
    rng = np.random.default_rng(3)
    movie = dask.array.from_array(record(camera, rng, 6), chunks=(1, *SHAPE))
    darks = rng.normal(camera[1], 1, (40, *SHAPE)).astype(np.float32)
    sbd.write(sbd.Micrograph(darks), tmp_path / "dark.tif")
    flat = camera[2] * rng.poisson(400, (40, *SHAPE))
    source = sbd.Micrograph(movie, frame_time=0.1)
    found = apply_references(source, tmp_path / "dark.tif", sbd.Micrograph(flat))
    assert isinstance(found.data, dask.array.Array)
    assert found.frame_time == 0.1
    assert np.asarray(found.data).mean() == pytest.approx(200, rel=0.02)


@pytest.mark.parametrize("bad", [0.0, np.nan, -1.0, 1e6, np.inf])
def test_dead_pixels_of_the_gain_reference(camera, bad):
    expected, dark, response = camera
    image = sbd.Micrograph(dark + response * expected)
    reference = response.copy()
    reference[10, 20] = bad
    found = apply_references(image, dark, reference)
    assert np.isnan(found.data[10, 20])
    assert np.isnan(found.data).sum() == 1
    np.testing.assert_allclose(np.nanmean(found.data), 200, rtol=0.02)


def test_hot_pixels_of_the_dark_reference(camera):
    expected, dark, _ = camera
    hot = dark.copy()
    hot[30, 40] = 3000
    found = apply_references(sbd.Micrograph(expected + hot), hot)
    assert np.argwhere(np.isnan(found.data)).tolist() == [[30, 40]]


def test_a_column_that_the_references_correct_is_kept(camera):
    expected, dark, response = camera
    response[:, 50] *= 1.4
    dark[:, 60] += 100
    found = apply_references(sbd.Micrograph(dark + response * expected), dark, response)
    assert np.isfinite(found.data).all()
    np.testing.assert_allclose(found.data, expected * response.mean(), rtol=1e-6)


def test_super_resolution(camera):
    expected, dark, response = camera
    fine = np.kron(response, np.ones((2, 2)))
    split = np.kron(dark, np.full((2, 2), 0.25))
    image = sbd.Micrograph(dark + response * expected)
    plain = apply_references(image, dark, response)
    np.testing.assert_allclose(apply_references(image, split, fine).data, plain.data)
    image = sbd.Micrograph(np.kron(dark + response * expected, np.full((2, 2), 0.25)))
    found = apply_references(image, dark, response)
    np.testing.assert_allclose(found.data, np.kron(plain.data, np.full((2, 2), 0.25)))


def test_no_reference_changes_nothing():
    image = sbd.Micrograph(np.ones(SHAPE))
    assert apply_references(image) is image


@pytest.mark.parametrize(
    ("dark", "gain_reference", "words"),
    [
        (np.ones((96, 96)), None, "dark reference has 96 x 96 pixels and the image 96 x 128"),
        (None, np.ones((3, 48, 128)), "gain reference has 48 x 128"),
        (None, np.zeros(SHAPE), "nowhere above zero"),
        (None, np.full(SHAPE, np.nan), "no finite pixel"),
        (np.full(SHAPE, np.nan), None, "no finite pixel"),
    ],
)
def test_references_that_cannot_be_used(dark, gain_reference, words):
    with pytest.raises(sbd.SBDError, match=words):
        apply_references(sbd.Micrograph(np.ones(SHAPE)), dark, gain_reference)


@pytest.mark.parametrize("name", ["dark", "gain_reference", "noise"])
def test_an_array_where_a_file_is_meant_is_refused_in_one_sentence(name):
    """A recipe could not name it; all its values were printed."""
    with pytest.raises(sbd.SBDError, match="path of a file") as refused:
        sbd.denoise(sbd.Micrograph(np.ones(SHAPE)), **{name: np.ones(SHAPE)})
    assert len(str(refused.value)) < 200


def moving(rng, frames=60, step=(3.7, 2.9)):
    """Electrons of a lattice that drifts over several periods."""
    big = lattice((96 + 300, 128 + 300), 11.0, 0.4)
    shifts = [(int(step[0] * t), int(step[1] * t)) for t in range(frames)]
    return [rng.poisson(20 * big[y : y + 96, x : x + 128]) for y, x in shifts]


@pytest.mark.parametrize("scene", ["moving", "empty"])
def test_a_movies_own_response(camera, scene):
    rng = np.random.default_rng(4)
    frames = moving(rng) if scene == "moving" else rng.poisson(20, (60, *SHAPE))
    response = camera[2]
    response[:, 70] *= 1.3
    movie = sbd.Micrograph(response * np.array(frames) + 7, gain=1.0, offset=7.0)
    pattern = estimate_fixed_pattern(movie)
    assert pattern.multiplicative
    assert pattern.strength == pytest.approx(response.std(), rel=0.15)
    error = pattern.values - response / response.mean()
    # of the noise in the mean, 1 / sqrt(60 x 20), what shrinking leaves
    assert error.std() < 1.3 / np.sqrt(1200)
    clean = pattern.taken_out_of(movie)
    assert (clean.gain, clean.offset) == (1, 7)
    assert clean.data.mean() == pytest.approx(movie.data.mean(), rel=0.01)
    mean = np.array([m.mean(0) for m in (movie.data, clean.data)]) - 7
    if scene == "empty":
        assert mean[1].std() < 0.25 * mean[0].std()


def test_a_movies_own_offset():
    rng = np.random.default_rng(5)
    dark = rng.normal(0, 2, SHAPE)
    movie = sbd.Micrograph(rng.normal(0, 3, (50, *SHAPE)) + dark)
    pattern = estimate_fixed_pattern(movie)
    assert not pattern.multiplicative
    assert np.corrcoef(pattern.values.ravel(), dark.ravel())[0, 1] > 0.95
    assert pattern.taken_out_of(movie).data.mean(0).std() < 0.7


@pytest.mark.parametrize("period", [5.0, 11.0, 31.0])
def test_a_still_scene_is_no_fixed_pattern(camera, period):
    expected = 20 * lattice(SHAPE, period, 0.4)
    movie = np.random.default_rng(6).poisson(np.broadcast_to(expected, (40, *SHAPE)))
    with pytest.raises(sbd.SBDError, match="stands still"):
        estimate_fixed_pattern(movie * camera[2])


def test_movies_that_do_not_tell():
    rng = np.random.default_rng(7)
    with pytest.raises(sbd.SBDError, match="at least 8 frames"):
        estimate_fixed_pattern(rng.poisson(5, (4, *SHAPE)))
    with pytest.raises(sbd.SBDError, match="No fixed pattern"):
        estimate_fixed_pattern(rng.poisson(5, (20, *SHAPE)))
    pattern = estimate_fixed_pattern(rng.normal(0, 1, (20, *SHAPE)) + rng.normal(0, 2, SHAPE))
    with pytest.raises(sbd.SBDError, match="same pixels"):
        pattern.taken_out_of(sbd.Micrograph(np.ones((5, 5))))


@pytest.mark.parametrize("turn", range(8))
@pytest.mark.parametrize("inverse", [False, True], ids=["even light", "inverse"])
def test_a_reference_is_turned_as_it_shows(camera, turn, inverse):
    """The eight ways in which acquisition software turns frames and leaves the reference."""
    _, dark, response = camera
    image = sbd.Micrograph(record(camera, np.random.default_rng(4), 4))
    stored = np.rot90(response, turn % 4)
    stored = stored[:, ::-1] if turn > 3 else stored
    stored = 1 / stored if inverse else stored
    right = apply_references(image, dark, response)
    if turn:
        with pytest.warns(UserWarning, match="turned so"):
            found = apply_references(image, dark, stored)
    else:
        found = apply_references(image, dark, stored)
    ratio = found.data / right.data
    np.testing.assert_allclose(ratio, ratio[0, 0, 0], rtol=1e-5)


@pytest.mark.parametrize("turn", range(8))
def test_a_dark_reference_is_turned_as_it_shows(camera, turn):
    expected, dark, response = camera
    seen = np.random.default_rng(4).poisson(expected * response) + dark
    image = sbd.Micrograph(seen - dark.min(), offset=dark.mean() - dark.min())
    stored = np.rot90(dark - dark.min(), turn % 4)
    stored = stored[:, ::-1] if turn > 3 else stored
    right = apply_references(image, dark - dark.min())
    if turn:
        with pytest.warns(UserWarning, match="dark reference shows .* turned so"):
            found = apply_references(image, stored)
    else:
        found = apply_references(image, stored)
    np.testing.assert_array_equal(found.data, right.data)


def test_a_dark_reference_of_other_axes_without_trace_is_refused(camera):
    image = np.random.default_rng(5).poisson(camera[0])
    with pytest.raises(sbd.SBDError, match="dark reference has 128 x 96 pixels"):
        apply_references(sbd.Micrograph(image), np.zeros(SHAPE[::-1]))


def test_a_reference_of_another_camera_is_not_turned(camera):
    image = np.random.default_rng(5).poisson(camera[0][:96, :96])
    other = np.random.default_rng(6).normal(1, 0.1, (96, 96))
    with pytest.warns(UserWarning, match="another camera") as warned:
        found = apply_references(sbd.Micrograph(image), None, other)
    assert len(warned) == 1
    ratio = found.data * other / image.clip(1)
    assert np.ptp(ratio[image > 0]) < 1e-3


def test_a_dark_reference_is_subtracted_once_for_each_frame_of_a_sum(camera, tmp_path):
    expected, dark, _ = camera
    movie = np.random.default_rng(7).poisson(np.broadcast_to(expected, (6, *SHAPE))) + dark
    sbd.write(sbd.Micrograph(movie.astype(np.float32)), tmp_path / "a.mrc")
    found = apply_references(sbd.read(tmp_path / "a.mrc", sum_frames=3), dark)
    wanted = (movie - dark).reshape(2, 3, *SHAPE).sum(1)
    np.testing.assert_allclose(found.data, wanted, atol=1e-2)


@pytest.mark.parametrize(("spread", "told"), [(0.0, 0), (0.01, 0), (0.08, 1)])
def test_a_pattern_that_stays_in_sums_is_told(spread, told):
    """A hundredth of the brightness is a twentieth of the noise, eight are nearly half of it."""
    rng = np.random.default_rng(0)
    light = rng.poisson(30 * rng.normal(1, spread, (96, 96)).clip(0), (10, 96, 96))
    said = doubt_fixed_pattern(sbd.Micrograph(light.astype(np.float32), 0.03, gain=1))
    assert len(said) == told
    assert all("8.0% of the brightness" in s or "7.9%" in s or "8.1%" in s for s in said)


def test_noise_of_frames_that_were_written_twice_is_no_pattern():
    """Both halves of the frames hold it: a pattern of 14 % was told, where there is none."""
    light = np.random.default_rng(0).poisson(5.0, (12, 96, 96)).repeat(2, axis=0)
    with pytest.raises(sbd.SBDError, match="No fixed pattern"):
        sbd.estimate_fixed_pattern(light)
    with pytest.raises(sbd.SBDError, match="at least 8 frames"):
        sbd.estimate_fixed_pattern(light[:14])


def test_a_movie_says_so_before_frames_are_added():
    rng = np.random.default_rng(0)
    light = rng.poisson(30 * rng.normal(1, 0.08, (96, 96)), (10, 96, 96)).astype(np.float32)
    with pytest.warns(UserWarning, match="share a fixed pattern"):
        sbd.denoise_movie(light, pixel_size=0.03, gain=1, model="hrtem")


@pytest.mark.filterwarnings("ignore:A period of")  # that is coarser than lattices of atoms
def test_the_pattern_of_a_movie_is_taken_out_where_that_is_asked_for():
    """Nearer to what the true response of the pixels gives than to what is made without it."""
    rng = np.random.default_rng(3)
    way = rng.integers(0, 100, (2, 24, 1, 1))  # a scene that stood still would pass for a pattern
    y, x = np.indices((128, 128))[:, None] + way
    clean = 30 * (1 + 0.1 * np.cos(2 * np.pi * x / 9) * np.cos(2 * np.pi * y / 8))
    response = rng.normal(1, 0.2, (128, 128))
    movie = sbd.Micrograph((rng.poisson(clean) * response).astype(np.float32), 0.03, gain=1)

    def error(**chosen):
        found = sbd.denoise(movie, model="hrtem", noise="white", **chosen)
        return np.sqrt(np.mean((found.data - clean) ** 2))

    true = sbd.apply_references(movie, gain_reference=response)
    best = np.sqrt(np.mean((sbd.denoise(true, model="hrtem", noise="white").data - clean) ** 2))
    assert best < error(fixed_pattern=True) < (best + error()) / 2


def test_the_pattern_holds_no_ghost_of_a_lattice_that_moves():
    """What is left of it in the mean would go into every frame, and no network takes it out."""
    rng = np.random.default_rng(3)
    ways = rng.integers(0, 100, (24, 2))
    seen = np.stack([lattice((296, 296), 9.0, 0.1)[y : y + 128, x : x + 128] for y, x in ways])
    movie = rng.poisson(30 * seen) * rng.normal(1, 0.1, (128, 128))
    ghost = seen.mean(0) / seen.mean() - 1
    left = (estimate_fixed_pattern(movie).values - 1) * ghost
    assert abs(left.mean() / ghost.var()) < 0.2


def test_a_pattern_of_a_single_image_is_refused():
    with pytest.raises(sbd.SBDError, match="a movie of at least 8 frames"):
        sbd.denoise(np.ones((64, 64)), pixel_size=0.03, fixed_pattern=True)
