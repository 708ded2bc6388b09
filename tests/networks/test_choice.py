import warnings

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

import napari_sbd as sbd
from napari_sbd import networks
from napari_sbd._napari.jobs.summary import understand
from napari_sbd.networks import choice
from napari_sbd.networks.choice import choose_model

BLOCK = (5, 5)


@pytest.fixture
def shelf(tmp_path, monkeypatch, small_network):
    """Put the trained network and an untrained one on the shelf, under names of choice."""
    trained = networks.find_model("hrtem")

    def place(trained_as: str, untrained_as: str) -> None:
        for network, name in (
            (networks.load_network(trained, "cpu"), trained_as),
            (small_network, untrained_as),
        ):
            card = trained.model_copy(update={"name": name, "architecture": network.architecture})
            networks.save_model(network, card, tmp_path)
        monkeypatch.setattr(networks, "_BUNDLED", tmp_path)

    return place


def test_a_model_that_predicts_held_out_pixels_better_is_taken(shelf, counts):
    shelf(trained_as="special", untrained_as="hrtem")
    choice = choose_model(counts, BLOCK)
    assert choice.card.name == "special"
    assert "standard errors" in choice.reason


def test_the_default_stays_when_the_other_is_worse(shelf, counts):
    shelf(trained_as="hrtem", untrained_as="special")
    assert choose_model(counts, BLOCK).card.name == "hrtem"


def test_the_default_stays_when_there_is_nothing_to_tell_them_apart(shelf, counts):
    shelf(trained_as="special", untrained_as="hrtem")
    shelf(trained_as="hrtem", untrained_as="other")
    assert choose_model(counts, BLOCK).card.name == "hrtem"


def test_a_model_that_loses_a_lattice_is_not_taken(shelf, monkeypatch):
    """However well a flat image predicts held-out pixels."""
    shelf(trained_as="hrtem", untrained_as="flat")
    y, x = np.indices((600, 600)) * 2 * np.pi / 40
    dose = 0.4 * (1 + 0.15 * np.cos(0.8 * x + 0.6 * y))
    counts = np.random.default_rng(0).poisson(dose).astype(np.float32)

    def predict(card, seen, device, lasting=False):
        return np.zeros_like(seen) if card.name == "flat" else seen

    monkeypatch.setattr(choice, "_predict", predict)
    assert choose_model(counts, BLOCK).card.name == "hrtem"
    dose = np.full_like(dose, 0.4)
    counts = np.random.default_rng(0).poisson(dose).astype(np.float32)
    assert choose_model(counts, BLOCK).card.name == "flat"


def test_noise_that_a_point_spread_keeps_from_the_corners_of_the_spectrum(shelf, monkeypatch):
    """What copies the noise of one half must not seem to predict that of the other."""
    shelf(trained_as="hrtem", untrained_as="copy")
    noise = np.fft.rfft2(np.random.default_rng(1).standard_normal((160, 160)))
    noise[np.hypot(np.fft.fftfreq(160)[:, None], np.fft.rfftfreq(160)) > 0.42] = 0
    white = np.fft.irfft2(noise, (160, 160)) + np.sin(np.indices((160, 160))[1] / 4)

    def predict(card, seen, device, lasting=False):
        return seen if card.name == "copy" else gaussian_filter(seen, 2.0)

    monkeypatch.setattr(choice, "_predict", predict)
    assert choose_model(white, (2, 2), white=white, sums=white).card.name == "hrtem"


def test_a_model_of_the_other_modality_is_left_out(counts):
    for modality, dark in (("phase contrast", False), ("dark field", True)):
        assert choose_model(counts, BLOCK, modality=modality).card.is_dark_field == dark


def test_an_unknown_modality_is_refused(counts):
    with pytest.raises(sbd.SBDError, match="'dark field', not 'haadf'"):
        choose_model(counts, BLOCK, modality="haadf")


def test_a_specialist_of_one_crystal_is_never_taken_unasked(shelf, counts, monkeypatch):
    """However well it predicts: it draws what it knows."""
    shelf(trained_as="special", untrained_as="hrtem")
    assert choose_model(counts, BLOCK).card.name == "special"
    known = networks.models()
    for card in known:
        if card.name == "special":
            card.training["spacings_nm"] = [0.2355]
    monkeypatch.setattr(choice, "models", lambda: known)
    assert choose_model(counts, BLOCK).card.name == "hrtem"


def test_the_bundled_specialist_says_that_a_crystal_is_not_its_own():
    """SrTiO3 has {100} planes 0.3905 nm apart, CeO2 and Pt have none above 0.3124 nm."""
    found = {}
    for cell in (0.3905, 0.2705):
        y, x = np.indices((600, 600)) * 0.0065 * 2 * np.pi / cell
        mean = 2 * (1 + 0.3 * np.cos(x) + 0.3 * np.cos(y))
        counts = np.random.default_rng(2).poisson(mean).astype(np.float32)
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            sbd.denoise(sbd.Micrograph(counts, 0.0065, gain=1.0), model="pt-ceo2")
        found[cell] = [str(w.message) for w in said if "specialist" in str(w.message)]
    assert "0.39 nm" in found[0.3905][0]
    assert not found[0.2705]


def test_a_model_not_trained_at_the_working_pixel_is_left_out(shelf, counts):
    shelf(trained_as="special", untrained_as="hrtem")
    assert choose_model(counts, BLOCK, (0.03, 0.03)).card.name == "hrtem"


def test_the_recipe_tells_which_model_and_why(counts):
    result = sbd.denoise(sbd.Micrograph(counts, 0.0061, gain=1.0))
    settings = result.metadata["napari_sbd"]["history"][-1]["settings"]
    assert settings["model"] in {card.name for card in sbd.models()}
    assert settings["model_choice"]


HAADF = {"ImageTags": {"QuickSaved": {"Temp-Tags": {"Detector": "HAADF"}}}}


@pytest.mark.parametrize(
    ("model", "modality", "told", "contradicted"),
    [
        ("stem", "phase contrast", {}, "phase contrast, as you said, and model 'stem'"),
        ("hrtem", "dark field", {}, "dark field, as you said, and model 'hrtem'"),
        ("hrtem", "auto", {"dm": HAADF}, "dark field, as the detector HAADF in the file tells"),
        ("hrtem", "phase contrast", {"dm": HAADF}, None),  # who says it knows better
        ("stem", "dark field", {}, None),
        ("hrtem", "phase contrast", {}, None),
        ("stem", "auto", {}, None),
        ("low-mag", "dark field", {}, None),  # objects look alike
        ("auto", "dark field", {}, None),
    ],
)
def test_a_model_for_the_other_contrast_is_called_a_contradiction(
    counts, model, modality, told, contradicted
):
    """In Python, the command and the form alike: the sentence comes from one place."""
    m = sbd.Micrograph(counts, 0.0066, gain=1.0, metadata=told)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        sbd.denoise(m, model=model, modality=modality, device="cpu")
    said = [str(one.message) for one in caught if "was trained on" in str(one.message)]
    found = [one for one in said if "and model" in one]
    assert len(found) == (contradicted is not None)
    form = understand(m, model, modality).warnings
    assert [one for one in form if "and model" in one] == found
    if contradicted:
        assert contradicted in found[0]
