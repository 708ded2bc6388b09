"""Nothing that a graphics card would refuse, on machines that have none."""

import numpy as np
import pytest
import torch

import napari_sbd as sbd
from absent_card import CARD, absent_card
from napari_sbd.training.recipe import Recipe
from training.small import SMALL

pytestmark = [
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.skipif(bool(torch.version.cuda), reason="a build that looks for a card itself"),
]
PIXEL = 0.0061


@pytest.fixture
def card(monkeypatch):
    with absent_card(monkeypatch) as held:
        yield held


def test_the_stand_in_refuses_what_a_card_does(card):
    here, there = torch.ones(3), torch.ones(3).to("cuda")
    assert (here.device.type, there.device, (2 * there).device) == ("cpu", CARD, CARD)
    assert (there + torch.tensor(1.0)).cpu().numpy().sum() == 6
    assert not card.refused
    here + there
    there.numpy()
    torch.rand(2, device="cuda", generator=torch.Generator())
    there.double()
    assert len(card.refused) == 4


def denoised(counts, tmp_path):
    sbd.denoise(counts, pixel_size=PIXEL, device="cuda")


def at_its_best(counts, tmp_path):
    sbd.denoise(counts, pixel_size=PIXEL, device="cuda", quality="best")


def a_movie(counts, tmp_path):
    sbd.denoise_movie(np.stack([counts, counts[::-1]]), pixel_size=PIXEL, device="cuda")


def tuned(counts, tmp_path):
    for loss in ("thinning", "sure"):
        gains = sbd.gain_tune(counts, pixel_size=PIXEL, gain=1, loss=loss, steps=2, device="cuda")
    sbd.denoise(counts, pixel_size=PIXEL, gain_tuning=gains, device="cuda")


def explained(counts, tmp_path):
    sbd.equivalent_filter(counts, 90, 90, pixel_size=PIXEL, device="cuda")


def trained(counts, tmp_path):
    sbd.train(Recipe(**{**SMALL, "steps": 2}), tmp_path / "run", device="cuda", workers=1)


def along_the_stack(counts, tmp_path):
    quiet = np.random.default_rng(1).normal(5, 0.02, (12, 8, 10, 10)).astype(np.float32)
    noisy = quiet + np.random.default_rng(2).normal(0, 0.2, quiet.shape).astype(np.float32)
    model = sbd.train_series(quiet, noisy, noise="gaussian", steps=3, device="cuda")
    sbd.denoise_series(noisy, model, device="cuda")


@pytest.mark.parametrize(
    "work", [denoised, at_its_best, a_movie, tuned, explained, trained, along_the_stack]
)
def test_all_that_meets_on_a_card_lies_there(card, tiny_model, counts, tmp_path, work):
    work(counts, tmp_path)
    assert not card.refused
