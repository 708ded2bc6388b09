"""Judged by electrons that the judged image was not made from."""

import functools
import warnings

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from typer.testing import CliRunner

import napari_sbd as sbd
from columns.scenes import grid, picture
from known import lattice
from napari_sbd import SBDError
from napari_sbd.agreement.evidence import local_variance
from napari_sbd.agreement.resolution import SplitHalf
from napari_sbd.agreement.ring_correlation import ring_correlation
from napari_sbd.agreement.split_halves import noise_halves
from napari_sbd.provenance.halves import Halves
from napari_sbd.provenance.steps.text import Text

PIXEL = 0.0061
POINTS = grid(7, 7, 38.0, hexagonal=True) + 40
SCENE = np.pad(picture(POINTS - 40, 38.0, 7.0, 0.4, 1.0), 40, constant_values=1.0)


@functools.cache
def denoised(dose, seed=0, **options):
    counts = np.random.default_rng(seed).poisson(dose * SCENE).astype(np.float32)
    noisy = sbd.Micrograph(counts, PIXEL, gain=1.0)
    return noisy, sbd.denoise(noisy, model="hrtem", device="cpu", **options)


@pytest.mark.filterwarnings("ignore:What model:UserWarning")
def test_no_lattice_is_accepted_that_is_not_there():
    """At 0.1 to 0.2 electrons per pixel the network bends the lattice or makes one of its own.

    Judged by the electrons that it was made from, it passes.
    """
    fooled = 0
    for seed, dose in ((0, 0.1), (3, 0.15), (4, 0.2)):
        noisy, clean = denoised(dose, seed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            table = sbd.find_columns(noisy, clean)
            alone = sbd.find_columns(noisy, clean, halves=False)
        if len(table):
            assert sbd.compare_columns(POINTS, table).f1 > 0.8
        fooled += bool(len(alone)) and sbd.compare_columns(POINTS, alone).f1 < 0.8
    assert fooled


def test_a_lattice_that_is_there_is_accepted_and_says_what_judged_it():
    noisy, clean = denoised(2.0)
    table = sbd.find_columns(noisy, clean)
    assert sbd.compare_columns(POINTS, table).f1 > 0.97
    assert table["supported"].mean() > 0.95
    assert table.attrs["reproduced"] > 0.9
    assert "half of the electrons" in table.attrs["judged"]
    assert (table["halves"] == 2).mean() > 0.9
    assert "electrons" not in sbd.find_columns(noisy, clean, halves=False).attrs["judged"]


@pytest.mark.parametrize(("gain", "offset"), [(0.37, -5.3), (3.1, 100.1), (0.013, 0.7)])
def test_electrons_are_dealt_out_in_any_unit(gain, offset):
    """Rounded in single precision, no electron is a little less than none."""
    noisy, _ = denoised(1.0)
    values = (noisy.data.astype(float) * gain + offset).astype(np.float32)
    assert (values < np.float64(offset)).any()
    rounded = sbd.Micrograph(values, PIXEL, gain=gain, offset=offset)
    clean = sbd.denoise(rounded, model="hrtem", device="cpu")
    found, expected = sbd.agreement(rounded, clean), sbd.agreement(*denoised(1.0))
    assert found.how == expected.how
    assert np.nanstd(found.z) == pytest.approx(np.nanstd(expected.z), rel=0.01)


@pytest.mark.parametrize("halves", [True, False], ids=["halves", "all"])
def test_pixels_without_data_hide_only_the_columns_under_them(halves):
    """A masked block of 60 x 70 pixels: no column at all was found."""
    noisy, _ = denoised(2.0)
    data = noisy.data.copy()
    data[100:160, 100:170] = np.nan
    noisy = noisy.replace(data=data)
    clean = sbd.denoise(noisy, model="hrtem", device="cpu")
    table = sbd.find_columns(noisy, clean, halves=halves)
    y, x = POINTS.T
    seen = POINTS[~((y > 97) & (y < 163) & (x > 97) & (x < 173))]
    assert sbd.compare_columns(seen, table).recall > 0.97
    assert table["supported"].mean() > 0.95


def test_agreement_and_columns_give_one_answer():
    noisy, clean = denoised(1.0)
    judged, table = sbd.agreement(noisy, clean), sbd.find_columns(noisy, clean)
    assert judged.how == table.attrs["judged"]
    assert len(judged.columns) == len(table)
    np.testing.assert_allclose(judged.columns["z"], table["agreement_z"], atol=1e-5)
    np.testing.assert_array_equal(judged.columns["supported"], table["supported"])


def test_frames_that_helped_each_other_do_not_judge_each_other():
    """Even frames were made from odd ones as well, so z would scatter by 0.85."""
    counts = np.random.default_rng(5).poisson([SCENE[60:260, 60:260]] * 4)
    noisy = sbd.Micrograph(counts.astype(np.float32), PIXEL, gain=1.0)
    alone = sbd.denoise(noisy, model="hrtem", device="cpu")
    helped = sbd.denoise(noisy, model="hrtem", device="cpu", neighbours=2)
    assert "odd" in sbd.agreement(noisy, alone).how
    judged = sbd.agreement(noisy, helped)
    assert "half of the electrons" in judged.how
    assert 0.95 < judged.z.std() < 1.15


def test_frames_that_were_written_twice_do_not_judge_each_other():
    """The verdict is that of the frames once: noise that all share is not confirmed by it."""
    counts = np.random.default_rng(5).poisson([SCENE[60:260, 60:260]] * 4).astype(np.float32)
    noisy = sbd.Micrograph(counts, PIXEL, gain=1.0)
    smooth = noisy.replace(data=gaussian_filter(counts, (0, 3, 3)))
    once = sbd.agreement(noisy, smooth)
    pair = (m.replace(data=m.data.repeat(2, axis=0)) for m in (noisy, smooth))
    with pytest.warns(UserWarning, match="4 of 8 frames, the first is 1, hold.*judged without"):
        twice = sbd.agreement(*pair)
    assert (twice.how, twice.verdict()) == (once.how, once.verdict())
    np.testing.assert_array_equal(twice.z, once.z)


@pytest.mark.parametrize("value", [0, np.nan])
def test_a_frame_without_data_judges_nothing(value):
    """NaN in one frame was NaN in the sum of all, and both images "the same"."""
    counts = np.random.default_rng(5).poisson([SCENE[60:260, 60:260]] * 5).astype(np.float32)
    noisy = sbd.Micrograph(counts, PIXEL, gain=1.0)
    smooth = noisy.replace(data=gaussian_filter(counts, (0, 3, 3)))
    without = [m.replace(data=np.delete(m.data, 2, 0)) for m in (noisy, smooth)]
    for m in (noisy, smooth):
        m.data[2] = value
    assert sbd.agreement(noisy, smooth).verdict() == sbd.agreement(*without).verdict()


def test_an_image_that_its_recipe_does_not_make_is_not_judged_by_its_halves():
    noisy, clean = denoised(2.0)
    other = clean.replace(data=clean.data[::-1].copy())
    with pytest.warns(UserWarning, match="another image"):
        judged = sbd.agreement(noisy, other)
    assert "all counts" in judged.how


def test_halves_of_images_without_counts_are_independent_and_their_noise_is_known():
    """Noise of 3 grey levels on a ramp, judged by the truth and by a blur."""
    rng = np.random.default_rng(0)
    truth = 1000 + np.linspace(0, 50, 512)[:, None] * np.ones(512)
    image = truth + rng.normal(0, 3, truth.shape)
    variance = local_variance(image, truth, 4)
    assert variance.mean() == pytest.approx(9, rel=0.03)
    blurred = noise_halves(image, variance, lambda y: gaussian_filter(y, 6.0), 0)
    (one, _), (other, _) = blurred
    assert abs(np.corrcoef((one - truth / 2).ravel(), (other - truth / 2).ravel())[0, 1]) < 0.01
    assert (one - truth / 2).std() == pytest.approx(3 / 2**0.5, rel=0.02)


def test_the_resolution_is_that_of_what_both_halves_show():
    """A known lattice and nothing finer; noise of its own in each half."""
    y, x = np.mgrid[:256, :256]
    wave = np.cos(2 * np.pi * x / 8) + np.cos(2 * np.pi * (x + 2 * y) / 16)
    rng = np.random.default_rng(0)
    halves = [wave + rng.normal(0, 1, wave.shape) for _ in range(2)]
    frequency, frc, half_bit, chance = ring_correlation(*halves)
    passed = frequency[(frc > 0.143) & (frc > np.maximum(half_bit, chance))]
    assert passed.max() == pytest.approx(5**0.5 / 16, rel=0.05)
    assert frc[np.argmin(np.abs(frequency - 1 / 8))] > 0.9


@pytest.mark.parametrize("turned", [False, True])
def test_the_resolution_in_nm_follows_the_axes(turned):
    """Planes of 0.4 nm across either axis of pixels that are twice as long as wide."""
    period = 0.4 / np.array([0.02, 0.04])  # px
    y, x = np.mgrid[:256, :256]
    wave = np.cos(2 * np.pi * (y / period[0] if turned else x / period[1]))
    counts = np.random.default_rng(0).poisson(4 * (1 + 0.1 * wave)).astype(float)
    noisy = sbd.Micrograph(counts, (0.02, 0.04), gain=1.0)
    found = sbd.split_half_resolution(noisy, denoiser=lambda e: gaussian_filter(e, 2.0))
    assert found.resolution_nm == pytest.approx(0.4, rel=0.08)


def test_an_image_without_noise_of_its_own_is_not_called_exchanged():
    """What was made of it here has a little, as any network's has."""
    ramp = np.broadcast_to(np.linspace(0.1, 99.7, 128), (64, 128))
    rough = np.random.default_rng(0).normal(0, 0.1, ramp.shape)
    found = sbd.split_half_resolution(sbd.Micrograph(ramp, 0.2), denoiser=lambda a: a + rough)
    assert found.verdict() == "agree"


@pytest.mark.parametrize("seed", range(10))
def test_halves_of_pure_noise_have_no_resolution(seed):
    rng = np.random.default_rng(seed)
    _, frc, half_bit, chance = ring_correlation(*rng.normal(0, 1, (2, 200, 160)))
    assert not ((frc > 0.143) & (frc > np.maximum(half_bit, chance))).any()


@pytest.mark.filterwarnings(
    "ignore:The image has:UserWarning", "ignore:What model:UserWarning"
)  # 40 electrons are many
def test_split_halves_of_a_good_and_of_a_starved_image():
    good = sbd.split_half_resolution(*denoised(4.0))
    assert good.verdict() == "agree"
    assert good.resolution_nm < 38 * 0.75**0.5 * PIXEL * 1.05
    assert good.map.shape == SCENE.shape
    inside, vacuum = good.map[100:260, 120:260], good.map[:12, :]
    assert np.median(inside) > 0.9 > 0.5 > np.median(np.abs(vacuum))
    poor = sbd.split_half_resolution(*denoised(0.03))
    assert poor.verdict() == "disagree"
    assert poor.correlation < 0.3
    given = sbd.split_half_resolution(denoised(40.0)[0], denoiser=lambda y: gaussian_filter(y, 6.0))
    assert given.verdict() == "agree"
    with pytest.raises(SBDError, match="which denoiser"):
        noisy, clean = denoised(4.0)
        sbd.split_half_resolution(noisy, clean.data)


def test_command_line(tmp_path):
    from napari_sbd.cli import app

    noisy, clean = denoised(4.0)
    sbd.write(noisy, tmp_path / "raw.tif")
    sbd.write(clean, tmp_path / "clean.tif")
    out = tmp_path / "halves.png"
    arguments = [str(tmp_path / "raw.tif"), str(tmp_path / "clean.tif"), "-o", str(out)]
    result = CliRunner().invoke(app, ["halves", *arguments])
    assert result.exit_code == 0, result.output
    assert "halves" in result.output and "nm" in result.output
    assert out.stat().st_size > 1000


def test_rings_of_noise_scatter_by_two_thirds_of_what_the_criteria_allow_for():
    """Thin rings hold more independent values than areas, so the criteria are on the safe side."""
    pulls = []
    for seed in range(8):
        pair = np.random.default_rng(seed).normal(0, 1, (2, 160, 160))
        _, frc, half_bit, chance = ring_correlation(*pair)
        pulls.append((frc / (chance / 3.5))[4:])  # rings of more than a few values
    assert 0.58 < np.std(pulls) < 0.72
    # van Heel and Schatz (2005): with 49 independent values in a ring, 0.3590
    values = 3.5 / (2**0.5 * chance)
    assert np.interp(7, values, half_bit) == pytest.approx(0.3590, abs=2e-3)


def test_the_resolution_is_the_last_ring_above_a_seventh_and_both_other_criteria():
    f = np.array([0.1, 0.2, 0.3, 0.4])
    none = np.zeros(4)

    def period(frc, half_bit=none, chance=none):
        return SplitHalf(f, np.array(frc), half_bit, chance, none, 0.5, None, none).resolution_px

    assert period([0.9, 0.15, 0.14, 0.1]) == pytest.approx(5)
    assert period([0.9, 0.1, 0.2, 0.1]) == pytest.approx(1 / 0.3)
    assert period([0.9, 0.3, 0.3, 0.3], half_bit=np.full(4, 0.4)) == pytest.approx(10)
    assert period([0.9, 0.3, 0.3, 0.3], chance=np.array([0.2, 0.2, 0.4, 0.4])) == pytest.approx(5)
    assert np.isinf(period([0.1, 0.1, 0.1, 0.1]))


@pytest.mark.parametrize(
    ("last", "told"), [(0.9, "4.0 px, the finest period that was"), (0.1, "5.0 px)")]
)
def test_the_end_of_the_scale_is_no_measured_resolution(last, told):
    """Where the finest ring passes, it is not known how far halves agree."""
    none = np.zeros(3)
    frc = np.array([0.9, 0.9, last])
    found = SplitHalf(np.array([0.1, 0.2, 0.25]), frc, none, none, none, 0.9, None, none)
    assert f"down to {told}" in str(found)
    text = Text()
    Halves(**found.facts()).cite(text, None)
    assert f"down to {told}" in str(text)
    assert found.limited == found.facts().get("limited", False) == (last > 0.5)


def test_electrons_of_a_gain_that_was_estimated_judge_by_halves_as_well():
    truth = lattice((192, 192), mean=6, contrast=0.5)
    values = 37.3 * np.random.default_rng(5).poisson(truth) + 120.0
    m = sbd.Micrograph(values, 0.0061, gain=36.1, offset=118.0)  # 3 % off, so no number is whole
    clean = m.replace(data=37.3 * truth + 120)
    found = sbd.agreement(m, clean, denoiser=lambda y: (clean.data - 118.0) / 36.1)
    assert "noisier" in found.how
    assert np.nanstd(found.z) == pytest.approx(1, abs=0.15)
    wrong = sbd.agreement(m, m.replace(data=np.full_like(values, values.mean())), denoiser=False)
    assert wrong.rejected.any()


def contrast_kept(whole, half):
    """A denoiser that knows the truth, and keeps a share of its contrast for weak and strong noise.

    The noise is twice as strong where the electrons are half as many.
    """
    truth = lattice((256, 256), period=32.0, mean=9, contrast=0.5)

    def f(y):
        doubled = np.diff(y).var() / 2 > 1.5 * y.mean()
        return 9 + (half if doubled else whole) * (truth - 9)

    noisy = np.random.default_rng(3).poisson(truth)
    return sbd.agreement(noisy, f(noisy.astype(float)), pixel_size=PIXEL, denoiser=f).columns


def test_what_half_the_dose_does_to_both_halves_is_not_held_against_the_whole():
    """Yet what is wrong in the whole as well is found, and what is worse in the whole, too."""
    right, wrong = contrast_kept(1.0, 0.6), contrast_kept(0.6, 0.6)
    assert len(right) > 100 and right["supported"].mean() > 0.97
    assert right["z"].std() == pytest.approx(1, abs=0.15)
    assert wrong["supported"].mean() < 0.6
    assert contrast_kept(0.6, 0.2)["supported"].mean() < 0.6
    assert contrast_kept(0.6, 1.0)["supported"].mean() < 0.6


@pytest.mark.parametrize("turning", [True, False])
def test_structure_that_halves_show_otherwise_is_told(turning, recwarn):
    """Fringes beside a crystal: a denoiser that turns them with the noise has made them up."""
    crystal = lattice((256, 256), period=32.0, mean=9, contrast=0.5)
    y, x = np.mgrid[:256, :256]

    def f(image):
        angle = image[200:].sum() % 7 if turning else 1.0
        fringes = 0.9 * np.cos((np.cos(angle) * y + np.sin(angle) * x) / 4)
        return np.where(y < 128, crystal, 9 + fringes)

    truth = np.where(y < 128, crystal, f(crystal) if not turning else 9.0)
    noisy = np.random.default_rng(3).poisson(truth).astype(float)
    judged = sbd.agreement(noisy, f(noisy), pixel_size=PIXEL, denoiser=f)
    told = [str(w.message) for w in recwarn if "columns may be missing" in str(w.message)]
    assert len(judged.columns) > 40
    assert bool(told) == turning
    if turning:
        share = float(told[0].split("%")[0].split()[-1])
        assert 25 < share < 55  # the fringes fill half of the image


@pytest.mark.parametrize("left", [0, 0.5, 1, 2])
def test_noise_that_a_camera_spread_and_a_blur_left_is_nothing_that_halves_agree_on(left):
    """A lattice of 0.226 nm at 2 electrons per pixel and nothing finer, through a point spread. The
    strength of the noise came from what was removed, so halves of what holds the noise were alike:
    the raw image "agreed" down to 0.089 nm with a correlation of 1.00, blurs with 0.98 to 0.84."""
    y, x = np.indices((384, 384)) * 2 * np.pi / 16
    counts = np.random.default_rng(0).poisson(2 + 0.6 * np.cos(y) * np.cos(x)).astype(float)
    read = np.random.default_rng(1).normal(0, 5, counts.shape)
    values = 17 * gaussian_filter(counts, 0.9, mode="wrap") + 100 + read
    noisy = sbd.Micrograph(values, 0.02, gain=17.0, offset=100.0)

    def blur(image):
        return gaussian_filter(np.asarray(image, float), left) if left else np.array(image, float)

    found = sbd.split_half_resolution(noisy, noisy.replace(data=blur(values)), denoiser=blur)
    assert found.verdict() == "disagree"
    assert found.resolution_nm == pytest.approx(0.02 * 16 / 2**0.5, rel=0.06)
    assert abs(np.mean(found.frc[found.frequency > 0.12])) < 0.1


@pytest.mark.parametrize("pixel_size", [(0.02, 0.04), (0.03, 0.02), 0.02])
def test_texture_agrees_as_far_as_it_goes(pixel_size):
    """Random objects without detail finer than 0.125 nm, 40 electrons per pixel, judged raw. Where
    their texture passed for correlated noise, halves were the same image, down to 0.09 nm."""
    shape = 256, 256
    fy, fx = (
        np.fft.fftfreq(n, p) for n, p in zip(shape, np.broadcast_to(pixel_size, 2), strict=True)
    )
    rng = np.random.default_rng(0)
    spectrum = np.fft.fft2(rng.normal(size=shape))
    texture = np.fft.ifft2(np.where(np.hypot(fy[:, None], fx) < 8, spectrum, 0)).real
    counts = rng.poisson(np.maximum(40 * (1 + 0.2 * texture / texture.std()), 1)).astype(float)
    noisy = sbd.Micrograph(counts, pixel_size, gain=1.0)
    found = sbd.split_half_resolution(noisy, noisy, denoiser=lambda image: image)
    assert found.resolution_nm == pytest.approx(0.125, rel=0.03)


def test_an_image_and_itself_are_refused_where_no_gain_tells_the_noise():
    """It was "no columns, they come from the noise", and halves that "disagree" with a correlation
    that is no number."""
    camera = 7.3 * np.random.default_rng(0).poisson(30 * SCENE) + 0.5
    for judge in (
        lambda: sbd.find_columns(camera, camera),
        lambda: sbd.split_half_resolution(camera, denoiser=lambda image: image),
    ):
        with pytest.raises(sbd.SBDError, match="are the same, so nothing shows the noise"):
            judge()
    found = sbd.split_half_resolution(camera, denoiser=lambda i: i, gain=7.3, offset=0.5)
    assert np.isfinite(found.resolution_px)
