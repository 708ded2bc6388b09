"""Whether a lattice tells that the pixel size is wrong."""

import warnings
from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

import napari_sbd as sbd
from napari_sbd.measure.spectrum import strongest
from napari_sbd.simulation.lattice_planes import plane_spacings
from napari_sbd.simulation.materials import material as crystal_of
from napari_sbd.spacings import doubt_crystal, doubt_pixel_size, reflections

PIXEL = 0.0061
FILES = Path(__file__).parents[2] / "shared" / "data"


def crystal(spacing, pixel=PIXEL, size=512, dose=1.8, columns=0.045):
    """Counts of a square lattice [nm] of Gaussian columns of a width [nm]."""
    along = np.arange(size) * pixel
    row = sum(np.exp(-((along % spacing - c) ** 2) / 2 / columns**2) for c in (0, spacing))
    return np.random.default_rng(0).poisson(dose * (1 + 0.6 * np.outer(row, row)))


@pytest.mark.filterwarnings("ignore:The result of model")
@pytest.mark.parametrize("factor", [10, 2, 0.5, 0.1])
def test_a_wrong_pixel_size_is_told_with_the_spacing_it_would_give(factor):
    """A lattice of 0.25 nm; its field has 12.5 periods, so that it is measured to 4 %."""
    noisy = crystal(0.25).astype(np.float32)
    assert doubt_pixel_size(noisy, (PIXEL, PIXEL)) is None
    with pytest.warns(UserWarning, match="the image's lattice would be") as said:
        sbd.denoise(noisy, pixel_size=PIXEL * factor, device="cpu")
    sentence = next(str(w.message) for w in said if "lattice" in str(w.message))
    number = float(sentence.split("would be ")[1].split(" nm")[0])
    assert number == pytest.approx(0.25 * factor, rel=0.05)
    assert f"too {'large' if factor > 1 else 'small'}" in sentence


@pytest.mark.parametrize(
    "material", ["Pt", "Cu", "Al", "W", "Si", "MgO", "CeO2", "SrTiO3", "BaTiO3", "RuO2", "graphite"]
)
@pytest.mark.parametrize("modality", ["hrtem", "stem"])
def test_materials_are_believed_and_ten_times_their_size_is_not(material, modality):
    size = {"pixel_size": 0.02, "size": 256}
    phantom = sbd.simulate(
        "crystal_edge", material=material, modality=modality, dose=20, seed=3, **size
    )
    for image in (phantom.noisy, phantom.clean):
        assert doubt_pixel_size(np.asarray(image.data, float), (0.02, 0.02)) is None
    assert doubt_pixel_size(np.asarray(phantom.noisy.data, float), (0.2, 0.2))
    assert doubt_pixel_size(np.asarray(phantom.noisy.data, float), (0.002, 0.002))


@pytest.mark.parametrize("spacing", [0.128, 0.2, 0.3, 0.39])
def test_spacings_of_materials_are_believed(spacing):
    """From the 220 of Cu to the 100 of a perovskite, seen as one set of fringes."""
    y = np.arange(512) * PIXEL
    fringes = np.random.default_rng(1).poisson(2 + np.cos(2 * np.pi * y / spacing), (512, 512))
    assert doubt_pixel_size(fringes.T, (PIXEL, PIXEL)) is None


def test_layers_of_a_sheet_structure_are_believed_and_not_ten_times_as_much():
    """MoS2 seen along its layers, 0.615 nm apart."""
    y = np.arange(512) * 0.02
    layers = np.random.default_rng(1).poisson(2 + np.cos(2 * np.pi * y / 0.615), (512, 512)).T
    assert doubt_pixel_size(layers, (0.02, 0.02)) is None
    assert "would be 6" in doubt_pixel_size(layers, (0.2, 0.2))


def test_a_superlattice_beside_its_lattice_is_believed():
    """A moiré of 2.5 nm as bright as the lattice of 0.25 nm that makes it."""
    y, x = np.mgrid[:512, :512] * 0.02
    fine, coarse = (np.cos(2 * np.pi * y / d) + np.cos(2 * np.pi * x / d) for d in (0.25, 2.5))
    noisy = np.random.default_rng(2).poisson(5 + fine + coarse)
    assert doubt_pixel_size(noisy, (0.02, 0.02)) is None


@pytest.mark.parametrize("shape", [(128, 128), (200, 333), (1500, 700)])
def test_noise_has_no_reflections(shape):
    rng = np.random.default_rng(4)
    for _ in range(10):
        assert not len(reflections(rng.poisson(0.5, shape)).amplitude)


def test_lines_of_a_scan_are_no_lattice():
    """Every line is brighter or darker by chance, which makes a bright column in the spectrum."""
    rng = np.random.default_rng(5)
    lines = rng.poisson(10 * (1 + 0.3 * rng.standard_normal((256, 1))).clip(0), (256, 256))
    assert not len(reflections(lines).amplitude)


def test_pixels_that_are_not_square_and_missing_data():
    noisy = crystal(0.25, 0.0061)[::2].astype(float)
    noisy[:40, :40] = np.nan
    assert doubt_pixel_size(noisy, (2 * PIXEL, PIXEL)) is None
    assert doubt_pixel_size(noisy, (20 * PIXEL, 10 * PIXEL))


def test_large_images_are_judged_like_their_parts():
    large = np.tile(crystal(0.25, 0.0078125, 512), (5, 5))
    assert doubt_pixel_size(large, (0.0078125,) * 2) is None
    assert "2.5 nm" in doubt_pixel_size(large, (0.078125,) * 2)


@pytest.mark.parametrize(
    "name",
    [
        "dm3_MoS2_haadf.dm3",
        "dm4_BaTiO3_stem.dm4",
        "emd_berkeley_stem.emd",
        "ser_SrTiO3_haadf.ser",
        "tif_imagej_SrTiO3_abf_series.tif",
    ],
)
def test_real_files_are_believed_and_ten_times_their_size_is_not(name):
    path = FILES / name
    if not path.exists():
        pytest.skip("needs shared/data")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        m = sbd.read(path)
    frame = np.asarray(m.data[0] if m.is_movie else m.data, float)
    size = np.asarray(m.pixel_size_yx)
    assert doubt_pixel_size(frame, tuple(size)) is None
    for factor in (10, 0.1):
        assert doubt_pixel_size(frame, tuple(size * factor))


def test_a_filtered_image_is_believed():
    """A spline leaves faint peaks at the frequencies of its blocks."""
    noisy = crystal(0.25).astype(np.float32)
    assert doubt_pixel_size(sbd.denoise(noisy, pixel_size=PIXEL), (PIXEL, PIXEL)) is None
    few_periods = sbd.denoise(noisy[:190, :190], pixel_size=PIXEL)
    assert doubt_pixel_size(few_periods, (PIXEL, PIXEL)) is None


@pytest.mark.parametrize("modality", ["hrtem", "stem"])
@pytest.mark.parametrize(
    ("true", "others"),
    [
        ("Pt", ("CeO2", "Cu", "Si")),
        ("Cu", ("Pt", "CeO2", "W")),
        ("CeO2", ("Pt", "Cu", "MgO")),
        ("SrTiO3", ("MgO", "W")),
        ("MgO", ("Pt", "SrTiO3")),
    ],
)
def test_another_crystal_than_a_specialist_knows_is_told(true, others, modality):
    options = {"pixel_size": 0.02, "size": 512, "dose": 20, "seed": 3}
    phantom = sbd.simulate("crystal_edge", material=true, modality=modality, **options)
    image = np.asarray(phantom.noisy.data, float)

    def doubt(name):
        known = [d / 10 for d in plane_spacings(crystal_of(name))]
        return doubt_crystal(image, (0.02, 0.02), known)

    assert doubt(true) is None
    assert [name for name in others if doubt(name) is None] == []


def test_an_image_without_a_lattice_says_nothing_about_crystals():
    noise = np.random.default_rng(0).poisson(4.0, (256, 256)).astype(float)
    assert doubt_crystal(noise, (0.02, 0.02), [0.2, 0.17]) is None


def test_reflections_on_the_streaks_of_a_scan_are_told():
    """Beside its lowest reflections the scatter of a scan's lines is less than usual, for the rings
    that it is held against fall. In seven of 81 boxes nothing was told, where (110) stands 300
    times out of its ring; its peak in the box at 100, 100 was read by hand as 0.2749 nm."""
    path = FILES / "ser_SrTiO3_haadf.ser"
    if not path.exists():
        pytest.skip("needs shared/data")
    scan = sbd.read(path)
    told = []
    for top in range(0, 825, 103):
        for left in range(0, 825, 103):
            found = reflections(scan.data[top : top + 200, left : left + 200])
            told.append(scan.pixel_size / np.hypot(*found.frequency[found.amplitude == 1].T))
    assert sum(len(spacing) > 0 for spacing in told) >= 80
    brightest = np.concatenate(told)
    near = [np.abs(brightest / d - 1) < 0.06 for d in (0.2761, 0.1953)]  # (110), (200) of SrTiO3
    assert np.logical_or(*near).all()
    _, spots = strongest(scan.data, scan.pixel_size_yx, ((100, 300), (100, 300)))
    assert spots[0].spacing == pytest.approx(0.2749, abs=0.0005)


@pytest.mark.parametrize("lines", ["white", "slow", "texture"])
def test_lines_of_a_camera_are_no_reflections(lines):
    """Nor where the rings fall steeply, so that the level of a line rises along it."""
    rng = np.random.default_rng(4)
    slow = np.abs(np.fft.fftfreq(200)) + 1 / 200
    for _ in range(12):
        image, rows = rng.normal(0, 1, (200, 200)), rng.normal(0, 1, 200)
        if lines == "texture":
            image += 60 * gaussian_filter(rng.normal(0, 1, image.shape), 3)
        if lines == "slow":
            rows = np.fft.ifft(np.fft.fft(rows) / slow**0.5).real
        assert not len(reflections(image + 3 * rows[:, None]).amplitude)
