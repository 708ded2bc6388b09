import numpy as np
import pytest

from known import lattice
from napari_sbd.noise.illumination import estimate_illumination

SHAPE = (160, 200)
Y, X = np.meshgrid(np.linspace(-1, 1, SHAPE[0]), np.linspace(-1, 1, SHAPE[1]), indexing="ij")
LIGHT = {
    "vignetting": 1 - 0.2 * (X**2 + Y**2),
    "beam": np.exp(-((X - 0.3) ** 2 + (Y + 0.2) ** 2) / 2),
    "ramp": 1 + 0.25 * (0.6 * X + 0.8 * Y),
}


def scene(seed, light, dose=9.0):
    """A crystal in the middle of vacuum, a little darker than this."""
    inside = np.hypot(X, Y) < 0.6
    clean = dose * light * np.where(inside, 0.96 * lattice(SHAPE, 7.3, 0.3), 1.0)
    return np.random.default_rng(seed).poisson(clean).astype(float)


@pytest.mark.parametrize("dose", [1.0, 9.0, 100.0])
@pytest.mark.parametrize("seed", range(3))
def test_even_light_is_left_alone(dose, seed):
    assert estimate_illumination(scene(seed, np.ones(SHAPE), dose)) is None


@pytest.mark.parametrize("kind", LIGHT)
@pytest.mark.parametrize("dark", [0.0, 900.0])
def test_smooth_light_is_found(kind, dark):
    light = LIGHT[kind]
    found = estimate_illumination(20 * scene(1, light) + dark, dark)
    off = (found.brightness - dark) / (20 * 9 * 0.985) / light
    assert off == pytest.approx(1, abs=0.12)
    assert found.fall == pytest.approx(1 - light.min() / light.max(), abs=0.08)
    assert not found.is_step


@pytest.mark.parametrize("light", [LIGHT["ramp"], np.where(X + 0.3 * Y > 0.13, 0.6, 1.0)])
@pytest.mark.parametrize(("gain", "dark"), [(1, -9.0), (1, -30.0), (20, 300.0), (1e-6, -9e-6)])
def test_the_image_without_its_light_is_the_same_in_any_unit(light, gain, dark):
    """Of an image less its mean as well, whose noise follows the electrons and not its values."""
    image = scene(3, light)
    even = estimate_illumination(image).take_off(image)
    other = gain * image + dark
    found = estimate_illumination(other, dark).take_off(other) / gain
    assert found == pytest.approx(even, abs=0.02 * even.std())


@pytest.mark.parametrize("angle", [0.0, 0.4, 1.3, 2.6])
def test_a_dark_half_ends_at_its_edge(angle):
    beyond = np.cos(angle) * X + np.sin(angle) * Y > 0.13
    found = estimate_illumination(scene(2, np.where(beyond, 0.6, 1.0)))
    assert found.is_step
    assert found.fall == pytest.approx(0.4, abs=0.03)
    dark = found.brightness < found.brightness.mean()
    assert (dark != beyond).mean() < 0.01


@pytest.mark.parametrize("angle", [0.4, 1.3, 2.6])
@pytest.mark.parametrize("place", [0.13, 0.1347])
def test_pixels_that_the_edge_crosses_hold_some_of_both_sides(angle, place):
    """As sums over blocks do: what remains at the edge would be a line in the network's image."""
    fine = 5
    y, x = (((np.arange(n * fine) + 0.5) / fine / n) * 2 - 1 for n in SHAPE)
    sharp = np.where(np.cos(angle) * x + np.sin(angle) * y[:, None] > place, 0.6, 1.0)
    light = sharp.reshape(SHAPE[0], fine, SHAPE[1], fine).mean((1, 3))
    found = estimate_illumination(scene(2, light))
    off = found.brightness / found.brightness.max() - light
    edge = (light > 0.61) & (light < 0.99)
    assert edge.sum() > 100
    assert np.sqrt((off[edge] ** 2).mean()) < 0.06  # an edge of whole pixels is off by 0.12 or more


def dome(edge):
    """A particle in dark field, thicker in the middle, in vacuum that scatters little."""
    inside = 1 - (X**2 + Y**2) / edge**2
    return 0.02 + np.sqrt(np.maximum(inside, 0)) * lattice(SHAPE, 7.3, 0.5)


@pytest.mark.parametrize("dose", [1.0, 9.0, 60.0])
@pytest.mark.parametrize("dark", [0.0, 3000.0])
@pytest.mark.parametrize(
    "specimen",
    [
        dome(0.8),
        0.05 + 1.0 * (np.hypot(X + 1.2, Y) < 1.3),
        1 + 9.0 * (np.hypot(X, Y) < 0.8),
    ],
)
def test_a_specimen_beside_vacuum_is_no_uneven_light(specimen, dose, dark):
    counts = np.random.default_rng(5).poisson(dose * specimen / specimen.mean())
    found = estimate_illumination(20.0 * counts + dark)
    assert found is None or found.is_step


@pytest.mark.parametrize("kind", LIGHT)
@pytest.mark.parametrize("dose", [3.0, 9.0, 100.0])
def test_light_is_found_at_any_dose(kind, dose):
    assert estimate_illumination(scene(4, LIGHT[kind], dose)) is not None


def test_what_is_taken_off_can_be_put_back():
    image = scene(3, LIGHT["ramp"])
    found = estimate_illumination(image)
    even = found.take_off(image)
    assert found.put_back(even) == pytest.approx(image)
    assert abs(even[:, :60].mean() - even[:, -60:].mean()) < 0.1 * even.std()
    # the noise is even as well
    noise = [even[:40, :50].std(), even[-40:, -50:].std()]
    assert noise[0] == pytest.approx(noise[1], rel=0.1)


@pytest.mark.parametrize(
    "image", [np.zeros(SHAPE), np.full(SHAPE, -3.0), np.ones((20, 200)), np.ones(SHAPE)]
)
def test_images_that_cannot_tell(image):
    assert estimate_illumination(image) is None
