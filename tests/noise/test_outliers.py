from pathlib import Path

import dask.array
import numpy as np
import pytest
from scipy.ndimage import binary_erosion, rotate, shift
from scipy.special import ndtr

import napari_sbd as sbd
from known import lattice
from napari_sbd.errors import SBDError
from napari_sbd.noise.outliers import find_fixed_outliers, find_outliers
from napari_sbd.noise.plateaus import find_corners
from napari_sbd.noise.repeats import find_repeats

SHAPE = 384, 384
DATA = Path(__file__).parents[3] / "shared" / "data"
# real images: pixels without signal, and the black line above a data bar
FAULTS = {
    "dm3_MoS2_haadf.dm3": {},
    "dm4_BaTiO3_stem.dm4": {},
    "emd_berkeley_stem.emd": {},
    "emd_velox_ceta_image.emd": {},
    "png_DyScO3_haadf_8bit.png": {},
    "ser_SrTiO3_haadf.ser": {},
    "tif_imagej_SrTiO3_abf_series.tif": {},
    "more/jeol_tem_556.tif": {},
    "more/merlin_single.mib": {"dead": 2},
    "more/zeiss_sem_512.tif": {"row": 1},
}


def counts(dose, seed=0, shape=SHAPE, period=20.0):
    rng = np.random.default_rng(seed)
    return rng.poisson(dose * lattice(shape, period, contrast=0.4)).astype(np.uint16)


def coarse(dose, period, seed=0):
    """A lattice of a period near the sampling limit, turned a little."""
    y, x = np.mgrid[:256, :256] * (2 * np.pi / period)
    u, v = 0.995 * x + 0.1 * y, 0.995 * y - 0.1 * x
    expected = dose * (1 + 0.8 * np.cos(u) * np.cos(v))
    return np.random.default_rng(seed).poisson(expected)


def peaks(dose, width, number, seed=0):
    """Atoms or diffraction spots of a full width at half maximum [px] on a dim background."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:256, :256]
    image = np.full((256, 256), 0.2)
    places, heights = rng.uniform(20, 236, (number, 2)), rng.uniform(0.5, 3, number)
    for (cy, cx), a in zip(places, heights, strict=True):
        image += a * np.exp(-4 * np.log(2) * ((y - cy) ** 2 + (x - cx) ** 2) / width**2)
    return rng.poisson(dose * image)


@pytest.mark.parametrize("dose", [0.02, 0.1, 0.45, 2, 10, 100])
def test_clean_counts_hold_none(dose):
    # one false alarm here would be one in 440 000 pixels; benchmarks/outliers.py takes many more
    for seed in range(3):
        found = find_outliers(counts(dose, seed))
        assert not found
        assert not found.mask.any()
        assert str(found) == ""


@pytest.mark.parametrize("period", [1.5, 2.0, 3.0, 5.0])
@pytest.mark.parametrize("dose", [0.5, 100, 5000])
def test_a_coarsely_sampled_lattice_holds_none(dose, period):
    assert not find_outliers(coarse(dose, period))


@pytest.mark.parametrize("dose", [0.2, 5, 200])
@pytest.mark.parametrize(("width", "number"), [(2.5, 12), (2.5, 300), (6, 12)])
def test_single_atoms_and_diffraction_spots_are_none(dose, width, number):
    assert not find_outliers(peaks(dose, width, number))


def test_single_electrons_of_a_scintillator_are_none():
    from scipy.ndimage import gaussian_filter

    rng = np.random.default_rng(0)
    electrons = rng.poisson(0.02, (512, 512))
    # the light of an electron varies exponentially
    light = np.where(electrons > 0, rng.gamma(np.maximum(electrons, 1)), 0)
    assert not find_outliers(20 * gaussian_filter(light, 0.6) + 100 + rng.normal(0, 2, light.shape))


@pytest.mark.parametrize("dtype", [np.uint16, np.int32, np.float32, np.float64])
@pytest.mark.parametrize(("gain", "offset"), [(1, 0), (17, 1000)])
def test_hot_pixels_in_any_unit(dtype, gain, offset):
    image = counts(20.0).astype(float)
    at = np.random.default_rng(1).integers(8, 370, (2, 20))
    image[tuple(at)] = 20 + 12 * np.sqrt(20)
    found = find_outliers((gain * image + offset).round().astype(dtype))
    assert found.mask[tuple(at)].sum() >= 19
    assert found.mask.sum() == found.mask[tuple(at)].sum()
    assert set(found.counts) <= {"hot", "cluster"}


@pytest.mark.parametrize("dose", [0.02, 0.45, 10, 1000])
@pytest.mark.parametrize("value", [65535.0, 1e9, 3e38])
def test_a_huge_value_hides_nothing(dose, value):
    image = counts(dose).astype(np.float32)
    image[100, 100] = value
    image[200, 200] = 1.4 * dose + 25 * np.sqrt(dose) + 8
    found = find_outliers(image)
    assert list(zip(*np.nonzero(found.mask), strict=True)) == [(100, 100), (200, 200)]
    assert found.counts == {"hot": 2}
    assert str(found) == "2 hot pixels left out"


def test_a_weak_one_is_found_and_a_likely_one_is_not():
    rng = np.random.default_rng(2)
    image = rng.poisson(100.0, (512, 512)).astype(float)
    at = tuple(rng.integers(8, 500, (2, 40)))
    image[at] = rng.poisson(200.0, 40)  # 10 standard deviations of the noise
    assert find_outliers(image).mask[at].mean() > 0.9
    image[at] = 145.0  # 4.5
    assert not find_outliers(image)


def test_dead_pixels_at_high_dose_only():
    image = counts(200.0).astype(float) + 30
    at = tuple(np.random.default_rng(3).integers(8, 370, (2, 15)))
    image[at] = 30
    found = find_outliers(image)
    assert found.mask[at].all()
    assert set(found.counts) == {"dead"}
    few = counts(2.0)
    few[at] = 0
    assert not find_outliers(few)


@pytest.mark.parametrize("size", [(1, 2), (2, 2), (3, 3), (2, 5), (4, 5)])
@pytest.mark.parametrize("dose", [0.45, 30])
def test_clusters(size, dose):
    image = counts(dose)
    rng = np.random.default_rng(4)
    image[60 : 60 + size[0], 80 : 80 + size[1]] += rng.uniform(300, 600, size).astype(np.uint16)
    found = find_outliers(image)
    hit = found.mask[60 : 60 + size[0], 80 : 80 + size[1]]
    assert hit.mean() > 0.9
    assert found.mask.sum() == hit.sum()
    assert "cluster" in found.counts


@pytest.mark.parametrize("slope", [0.0, 0.4, 1.0])
def test_streaks(slope):
    image = counts(5.0)
    x = np.arange(50, 150)
    y = (70 + slope * (x - 50)).astype(int)
    image[y, x] += 200
    found = find_outliers(image)
    assert found.mask[y, x].mean() > 0.95
    assert found.mask.sum() < 120
    assert "streak" in found.counts


@pytest.mark.parametrize("axis", ["row", "column"])
@pytest.mark.parametrize("change", [3.0, -3.0])
@pytest.mark.parametrize("width", [1, 2])
def test_hot_and_dark_lines(axis, change, width):
    image = counts(30.0).astype(float)
    turned = image if axis == "row" else image.T
    turned[120 : 120 + width] += change * np.sqrt(30)
    found = find_outliers(image)
    mask = found.mask if axis == "row" else found.mask.T
    assert mask[120 : 120 + width].all()
    assert mask.sum() == width * SHAPE[0]
    assert found.counts == {axis: width}


@pytest.mark.parametrize(
    "shape", [(64, 90), (96, 100), (128, 128), (161, 300), (192, 80), (450, 70)]
)
@pytest.mark.parametrize("part", [slice(None), "first quarter", "last quarter"])
def test_lines_of_frames_of_any_size_are_found_along_all_their_length(shape, part):
    image = np.random.default_rng(9).poisson(9.0, shape).astype(float)
    if part == "first quarter":
        part = slice(0, shape[0] // 4)
    elif part == "last quarter":
        part = slice(shape[0] * 3 // 4, None)
    true = np.zeros(shape, bool)
    true[part, 33] = True
    image[true] += 40
    np.testing.assert_array_equal(find_outliers(image).mask, true)
    np.testing.assert_array_equal(find_outliers(image.T).mask, true.T)


@pytest.mark.parametrize(("width", "factor"), [(2, 1.5), (3, 2.5), (4, 1.5)])
def test_lines_that_are_found_quarter_by_quarter_count_once(width, factor):
    here = slice(126, 126 + width)
    for seed in range(4):
        rng = np.random.default_rng(seed)
        expected = np.full((256, 256), 50.0)
        expected[:, here] *= factor
        expected[here] *= factor
        assert find_outliers(rng.poisson(expected)).counts == {"row": width, "column": width}


@pytest.mark.parametrize("dose", [2.0, 30.0])
@pytest.mark.parametrize("number", [4, 7, 12])
def test_many_hot_columns_do_not_hide_each_other(number, dose):
    image = counts(dose, shape=(256, 256)).astype(float)
    assert not find_outliers(image)
    hot = np.random.default_rng(number).choice(np.arange(8, 248, 6), number, replace=False)
    image[:, hot] += 4 * np.sqrt(dose)
    true = np.zeros(image.shape, bool)
    true[:, hot] = True
    np.testing.assert_array_equal(find_outliers(image).mask, true)
    np.testing.assert_array_equal(find_outliers(image.T).mask, true.T)


def test_dead_lines():
    image = counts(0.45)
    image[:, 77] = 0
    found = find_outliers(image)
    assert found.counts == {"column": 1}
    assert found.mask[:, 77].all()
    assert found.mask.sum() == SHAPE[0]
    assert str(found) == "one column left out"


@pytest.mark.parametrize("period", [4.0, 8.0, 20.0])
def test_a_lattice_along_the_columns_has_no_hot_ones(period):
    assert not find_outliers(counts(200.0, period=period))


@pytest.mark.parametrize("start", [100, 383])
@pytest.mark.parametrize("turned", [False, True])
def test_rows_never_written(start, turned):
    image = counts(1.0)
    image[start:] = 0
    image[start - 1, 200:] = 0
    found = find_outliers(image.T if turned else image)
    mask = found.mask.T if turned else found.mask
    assert mask[start:].all()
    assert not mask[: start - 1].any()
    if start == 100:
        assert found.counts == {"unwritten": 1}
        assert mask[start - 1, 210:].all()


def test_a_row_without_electrons_at_low_dose_is_none():
    image = counts(0.02)
    image[300:305] = 0
    assert not find_outliers(image[:, :32])


def test_corners_without_data_of_turned_images():
    y, x = np.indices(SHAPE)
    corner = x + 3 * y < 300
    found = find_outliers(np.where(corner, 0, counts(30.0)))
    assert found.counts == {"unwritten": 1}
    np.testing.assert_array_equal(found.mask, corner)


@pytest.mark.parametrize("order", [0, 1, 3])
@pytest.mark.parametrize("enlarged", [False, True])
@pytest.mark.parametrize("turn", [5, 20, 45])
def test_corners_of_turned_images_whatever_the_values(order, enlarged, turn):
    image = counts(4.0).astype(float)  # holds zeros itself, and splines fall below
    turned = rotate(image, turn, reshape=enlarged, order=order)
    empty = rotate(np.ones(SHAPE), turn, reshape=enlarged, order=0) == 0
    found = find_outliers(turned)
    assert set(found.counts) == {"unwritten"}
    # single pixels of a zero that touch a corner may hide how straight it is
    assert found.mask[empty].mean() > (0.99 if order else 0.7)
    assert found.mask[~empty].mean() < 1e-3


@pytest.mark.parametrize("dose", [0.005, 0.02, 0.1, 0.45])
def test_corners_of_sparse_counts_are_no_empty_ones(dose):
    for seed in range(10):
        assert not find_corners(counts(dose, seed)).any()


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("sigma", [1.0, 3.0])
def test_a_straight_specimen_beside_a_vacuum_of_one_value_was_not_cut_off(turned, sigma):
    y = np.arange(256)[:, None]
    edge = ndtr((y - 100) / sigma)  # a beam of this width passes over it
    rng = np.random.default_rng(0)
    light = 20 * edge * lattice((256, 256), 14, 0.4)
    image = np.maximum(np.round(5 * rng.poisson(light) + rng.normal(0, 3, light.shape) - 18), 0)
    assert (image[:85] == 0).all()
    assert not find_outliers(image.T if turned else image)


@pytest.mark.parametrize("height", [500, 5000])
def test_saturated_spots(height):
    y, x = np.indices(SHAPE)
    light = height * np.exp(-((y - 200) ** 2 + (x - 150) ** 2) / 2 / 15**2)
    image = np.minimum(np.random.default_rng(5).poisson(light + 20), 255).astype(np.uint8)
    found = find_outliers(image)
    assert found.counts == {"saturated": 1}
    assert found.mask[image == 255].mean() > 0.99
    # what is lit by it goes as well, and no more
    assert found.mask[light > 50].mean() > 0.99
    assert not found.mask[light < 1e-4].any()


def test_a_saturated_spot_at_the_border():
    y, x = np.indices(SHAPE)
    light = 5000 * np.exp(-((y - 200) ** 2 + (x - 6) ** 2) / 2 / 6**2)
    found = find_outliers(np.minimum(counts(0.45) + light.astype(int), 255))
    assert found.counts == {"saturated": 1}
    assert found.mask[light > 3].all()


def test_a_saturated_disc():
    y, x = np.indices(SHAPE)
    disc = np.hypot(y - 200, x - 150) < 20
    found = find_outliers(np.where(disc, 4095, counts(0.45)))
    assert found.counts == {"saturated": 1}
    assert found.mask[disc].all()
    assert found.mask.sum() <= disc.sum() + 3  # a bright pixel may touch it by chance


def test_clipped_atoms_lose_no_more_than_what_is_clipped():
    image = np.minimum(counts(150.0), 200).astype(np.uint8)
    found = find_outliers(image)
    assert set(found.counts) <= {"saturated"}
    assert not found.mask[image < 200].any()


@pytest.mark.parametrize("cut", [0.02, 0.1])
def test_contrast_that_was_cut_leaves_no_atom_out(cut):
    y, x = np.indices(SHAPE)
    rng = np.random.default_rng(8)
    atoms = sum(
        h * np.exp(-((y - cy) ** 2 + (x - cx) ** 2) / 2 / 3**2)
        for cy, cx, h in zip(*rng.uniform(20, 300, (2, 60)), rng.choice([8, 20], 60), strict=True)
    )
    image = rng.poisson(atoms + 1.0)
    low, high = np.quantile(image, [cut / 2, 1 - cut / 2])
    eight = np.clip((image - low) / (high - low) * 255, 0, 255).round().astype(np.uint8)
    assert not find_outliers(eight)


@pytest.mark.parametrize("move", [(23, 0), (0, -31), (23, -31), (-9.4, 5.7)])
@pytest.mark.parametrize("dose", [0.45, 20.0])
def test_borders_that_repeat_a_line_were_not_recorded(move, dose):
    moved = shift(counts(dose).astype(float), move, order=1, mode="nearest")
    there = shift(np.ones(SHAPE), move, order=0) > 0.5
    found = find_outliers(moved)
    assert found.counts == {"repeated": 1}
    assert not found.mask[binary_erosion(there, iterations=2, border_value=1)].any()
    assert found.mask[binary_erosion(~there, iterations=2, border_value=1)].all()
    assert str(found) == "one border that repeats one line left out"


def test_borders_all_around_repeat_lines():
    inner = np.s_[20:-20, 30:-30]
    padded = np.pad(counts(5.0)[inner], ((20, 20), (30, 30)), mode="edge")
    there = np.zeros(SHAPE, bool)
    there[inner] = True
    assert (find_repeats(padded) == ~there).all()
    assert find_outliers(padded).counts == {"repeated": 1}


def test_images_that_repeat_all_lines_have_no_such_border():
    frame = counts(0.45)
    assert not find_outliers(frame.repeat(2, 0).repeat(3, 1))
    ramp = np.arange(SHAPE[1]) + np.zeros(SHAPE)
    assert not find_outliers(ramp)
    frame[:5] = 0  # which counts of few electrons may be
    frame[:5, 7] = 1
    assert not find_repeats(frame).any()


def test_light_that_does_not_saturate_is_none():
    y, x = np.indices(SHAPE)
    light = 100 * np.exp(-((y - 200) ** 2 + (x - 150) ** 2) / 2 / 15**2)
    image = np.random.default_rng(5).poisson(light + 20).astype(np.uint8)
    assert not find_outliers(image)
    # eight bits in which a broad maximum spans few values
    smooth = (light / 8).round().astype(np.uint8)
    assert not find_outliers(smooth)


@pytest.mark.parametrize("white", [True, False])
def test_scale_bars_and_their_text(white):
    image = np.clip(counts(100.0), 1, 254).astype(np.uint8)
    burned = np.zeros(SHAPE, bool)
    burned[350:358, 20:120] = True
    for x in range(40, 100, 14):  # letters of strokes of two pixels
        burned[325:345, x : x + 2] = burned[333:335, x : x + 9] = True
    image[burned] = 255 if white else 0
    found = find_outliers(image)
    assert set(found.counts) == {"annotation"}
    np.testing.assert_array_equal(found.mask, burned)


@pytest.mark.parametrize("white", [True, False])
@pytest.mark.parametrize("above", [True, False])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_data_bars_with_their_text(white, above, dtype):
    image = counts(10.0).astype(dtype)
    paper, ink = (40, 0) if white else (0, 40)
    image[-24:] = paper
    image[-20:-4, 20:80] = ink
    text = np.random.default_rng(0).random((5, 60)) < 0.4
    image[-20:-5, 150:330] = np.where(np.kron(text, np.ones((3, 3))) > 0, ink, paper)
    found = find_outliers(image[::-1] if above else image)
    assert found.counts == {"annotation": 1}
    mask = found.mask[::-1] if above else found.mask
    assert mask[-24:].all()
    assert not mask[:-24].any()


def test_vacuum_clipped_at_zero_is_none():
    rng = np.random.default_rng(6)
    image = np.maximum(rng.normal(lattice(SHAPE, 20.0, 0.4) * 20 - 17, 1.0), 0)
    assert (image == 0).mean() > 0.2
    assert not find_outliers(image)


def test_noise_free_and_constant_images_are_left_alone():
    assert not find_outliers(np.full((64, 64), 7))
    assert not find_outliers(np.zeros((40, 32), np.float32))
    assert not find_outliers(lattice((128, 128)))
    assert not find_outliers(np.mgrid[:64, :128][1].astype(np.float32))
    assert not find_outliers(np.indices((64, 64))[0] // 32)
    assert not find_outliers(np.full((64, 64), np.nan))
    assert not find_outliers(np.ones((4, 4)))


@pytest.mark.parametrize("shape", [(32, 32), (33, 61), (100, 1000)])
def test_shapes(shape):
    image = counts(50.0, shape=shape)
    assert not find_outliers(image)
    image[20, 7] = 3000
    found = find_outliers(image)
    assert found.mask[20, 7]
    assert found.mask.sum() == 1


def test_a_diffraction_disc_at_the_border():
    y, x = np.indices(SHAPE)
    disc = 350 * (1 - np.tanh(np.hypot(y + 4, x - 110) - 7))
    assert not find_outliers(np.random.default_rng(0).poisson(5 + disc))


def test_pixels_at_the_border():
    image = counts(50.0)
    at = ([0, 0, 383, 200, 150], [0, 200, 383, 383, 0])
    image[at] = 4000
    found = find_outliers(image)
    assert found.mask[at].all()
    assert found.mask.sum() == 5


@pytest.mark.parametrize("corner", [(4, 4), (4, 379), (379, 180)])
def test_two_beside_each_other_at_the_border(corner):
    """Half of the surroundings are missing there, of which the other one is a larger share."""
    image = counts(12.0)[:384, :384]
    y, x = corner
    image[[y, y - 3], [x, x + 4]] = 600, 720
    found = find_outliers(image)
    assert found.mask[[y, y - 3], [x, x + 4]].all()
    assert found.mask.sum() == 2


def test_pixels_without_data_are_no_outliers_and_hide_none():
    image = counts(20.0).astype(np.float32)
    gone = np.random.default_rng(7).random(SHAPE) < 0.05
    gone[:, :90] = True
    image[gone] = np.nan
    image[5, 5] = np.inf
    assert not find_outliers(image)
    image[200, 200] = 500
    found = find_outliers(image)
    assert found.mask[200, 200]
    assert found.mask.sum() == 1
    hidden = np.ma.masked_array(counts(20.0), gone)
    hidden.data[gone] = 60000
    assert not find_outliers(hidden)


@pytest.mark.parametrize("scale", [1e-9, 1e9])
def test_the_unit_does_not_matter(scale):
    image = counts(20.0).astype(np.float64)
    image[50, 60], image[70, 80:83] = 90, 400
    found = find_outliers(image)
    other = find_outliers(scale * image)
    np.testing.assert_array_equal(other.mask, found.mask)
    assert other.counts == found.counts == {"hot": 1, "cluster": 1}


def test_negative_values():
    rng = np.random.default_rng(8)
    image = rng.normal(-50, 5, SHAPE)
    assert not find_outliers(image)
    image[40, 40] = 0
    assert find_outliers(image).counts == {"hot": 1}


def test_a_movie_shows_weak_fixed_ones_and_no_cosmic_rays():
    rng = np.random.default_rng(9)
    movie = rng.poisson(2.0, (40, 128, 128))
    movie[:, 30, 40] = rng.poisson(5.0, 40)  # nothing in a single frame
    movie[:, 50, 60] = 0
    movie[7, 90, 90] = 60000
    assert not find_outliers(movie[0])
    lazy = dask.array.from_array(movie, chunks=(1, 128, 128))
    found = find_fixed_outliers(lazy)
    assert found.counts == {"hot": 1, "dead": 1}
    assert found.mask[30, 40]
    assert found.mask[50, 60]
    assert found.mask.sum() == 2


def test_what_few_frames_share_is_counted_without_what_one_has_alone():
    rng = np.random.default_rng(0)
    movie = rng.poisson(2.0, (3, 128, 128))
    movie[:, 30, 40:50:3] = 900
    for frame, row in zip(movie, (60, 70, 80), strict=True):
        frame[row, 40:60:3] = 900
    found = find_fixed_outliers(movie)
    assert found.counts == {"hot": 4}
    assert found.mask.sum() == 4


@pytest.mark.parametrize("name", FAULTS)
def test_real_images(name):
    if not (DATA / name).exists():
        pytest.skip("no sample files beside the checkout")
    if name.endswith("mib"):
        pytest.importorskip("rsciio")
    data = sbd.read(DATA / name).data
    found = find_outliers(np.asarray(data[0] if data.ndim == 3 else data))
    assert found.counts == FAULTS[name]
    assert found.mask.sum() == sum(
        n * (data.shape[-1] if kind == "row" else 1) for kind, n in FAULTS[name].items()
    )


def test_few_frames_of_a_long_movie_are_read():
    read = []

    def frame(block_info):
        read.append(block_info[None]["chunk-location"][0])
        return np.ones((1, 32, 32))

    movie = dask.array.map_blocks(frame, chunks=((1,) * 500, 32, 32), meta=np.ones((0, 0, 0)))
    read.clear()
    assert not find_fixed_outliers(movie)
    assert len(set(read)) <= 64
    assert max(read) > 490


@pytest.mark.parametrize("bad", [np.ones((3, 40, 40)), np.ones((40, 40), complex), np.ones(40)])
def test_no_frame(bad):
    with pytest.raises(SBDError, match="one frame"):
        find_outliers(bad)
