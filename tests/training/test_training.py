import csv
import itertools
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch
import yaml

import napari_sbd as sbd
from known import lattice
from napari_sbd import SBDError, cli
from napari_sbd.networks import find_model, load_network
from napari_sbd.networks.unet import UNet
from napari_sbd.training import checkpoint, loop, muon, pool
from napari_sbd.training.recipe import Recipe
from training.small import SMALL, with_data_of


@pytest.fixture
def run(tmp_path, simulated):
    """A folder of a run whose data are there already."""
    return with_data_of(simulated, tmp_path / "run")


def weights(path):
    return load_network(find_model(path), "cpu").state_dict()


def stop_after(calls):
    """A ``should_stop`` that says yes from some call on."""
    count = itertools.count()
    return lambda: next(count) >= calls


def test_orthogonalised_matrices_have_singular_values_near_one():
    matrix = torch.randn(40, 90, generator=torch.Generator().manual_seed(0))
    values = torch.linalg.svdvals(muon.orthogonalise(matrix).float())
    assert values.min() > 0.5
    assert values.max() < 1.5


def test_pairs_are_in_units_of_the_noise():
    clean = np.full((400, 400), 7.0, np.float32)
    counts = np.random.default_rng(0).poisson(clean)
    noisy, target = pool.normalised_pair(counts, clean)
    assert noisy.std() == pytest.approx(1, abs=0.01)
    assert np.abs(target).max() < 0.02


def test_batches_differ_between_steps_and_repeat_for_one():
    batches = pool.Pool(np.ones((3, 64, 64), np.float16), Recipe(**SMALL))
    (first, clean), (second, _), (again, _) = (batches.batch(48, step) for step in (0, 1, 0))
    assert first.shape == clean.shape == (2, 1, 48, 48)
    assert not torch.equal(first, second)
    assert torch.equal(first, again)


def test_training_learns():
    """Some dozen steps on one lattice leave a fraction of the error of doing nothing."""
    images = np.stack([lattice((64, 64), 8.0, 0.5)] * 4).astype(np.float16)
    recipe, cpu = Recipe(**{**SMALL, "dose": (9, 9)}), torch.device("cpu")
    torch.manual_seed(0)
    learner = loop.Learner(UNet(**SMALL["network"]), 0.01, cpu)
    noisy, clean = pool.Pool(images, recipe).batch(48, 1000)
    before = loop.validate(learner.average, noisy, clean, torch.tensor(9.0), cpu)
    for step in range(60):
        learner.learn(*pool.Pool(images, recipe).batch(32, step), 1.0)
    assert loop.validate(learner.average, noisy, clean, torch.tensor(9.0), cpu) > before + 3


def test_a_resumed_run_is_the_uninterrupted_one(run, tmp_path, simulated):
    """Weights, history and steps do not tell that the run was stopped in the middle."""
    recipe = Recipe(**SMALL)
    other = tmp_path / "other"
    other.mkdir()
    for name in ("waves", "images"):
        (other / name).symlink_to(simulated / name)
    whole = weights(sbd.train(recipe, other))
    with pytest.raises(sbd.Cancelled, match=r"step 3 .*--resume"):
        sbd.train(recipe, run, should_stop=stop_after(3))
    resumed = weights(sbd.train(recipe, run, resume=True))
    for name, value in whole.items():
        torch.testing.assert_close(resumed[name], value, rtol=0, atol=0)
    with (run / "history.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [int(row["step"]) for row in rows] == [0, 3, 6]
    assert [int(row["samples"]) for row in rows] == [0, 6, 12]
    assert [float(row["rate_factor"]) for row in rows] == [1, 0.5, 0]
    assert (run / "curves.png").read_bytes().startswith(b"\x89PNG")
    assert not list(run.glob("*.part"))


def test_a_damaged_checkpoint_falls_back_to_the_one_before(run):
    recipe = Recipe(**SMALL)
    for steps in (2, 2):
        with pytest.raises(sbd.Cancelled):
            resume = checkpoint.exists(run)
            sbd.train(recipe, run, resume=resume, should_stop=stop_after(steps))
    newest = run / checkpoint.LATEST
    newest.write_bytes(newest.read_bytes()[:-100])
    told = []
    path = sbd.train(recipe, run, resume=True, report=told.append)
    assert "damaged" in told[0]
    assert find_model(path).training["steps"] == 6
    for name in (checkpoint.LATEST, checkpoint.PREVIOUS):
        (run / name).write_bytes(b"nothing")
    with pytest.raises(SBDError, match=r"checkpoints .* damaged"):
        sbd.train(recipe, run, resume=True)


def test_flipped_bits_in_a_checkpoint_are_noticed(tmp_path):
    checkpoint.save(tmp_path, {"weights": torch.zeros(1000)})
    path = tmp_path / checkpoint.LATEST
    blob = bytearray(path.read_bytes())
    blob[len(blob) // 2] ^= 1
    path.write_bytes(blob)
    with pytest.raises(SBDError, match="damaged"):
        checkpoint.load(tmp_path, print)


def test_more_minutes_let_the_rate_fall_again(run):
    """A run made longer starts at the rate of a run of that length, and ends at zero."""
    recipe = Recipe(**{**SMALL, "steps": None, "minutes": 0.01})
    sbd.train(recipe, run)
    sbd.train(recipe, run, resume=True, minutes=0.03)
    with (run / "history.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [float(row["rate_factor"]) for row in rows] == [1, 0, 0]
    assert float(rows[-1]["minutes"]) == pytest.approx(0.03, abs=0.01)
    assert int(rows[-1]["step"]) > int(rows[1]["step"])


def test_a_run_is_not_overwritten(run):
    sbd.train(Recipe(**SMALL), run)
    with pytest.raises(SBDError, match="holds a run already"):
        sbd.train(Recipe(**SMALL), run)


def test_fine_tuning_starts_from_the_model_and_its_network(run, tmp_path, simulated):
    first = sbd.train(Recipe(**SMALL), run)
    other = tmp_path / "tuned"
    other.mkdir()
    (other / "waves").symlink_to(simulated / "waves")
    recipe = Recipe(**{**SMALL, "network": None, "rate": 1e-9, "steps": 1})
    tuned = sbd.train(recipe, other, start=str(first))
    for name, value in weights(first).items():
        torch.testing.assert_close(weights(tuned)[name], value, rtol=1e-2, atol=2e-3)
    card = find_model(tuned)
    assert card.training["fine_tuned_from"] == str(first)
    assert card.architecture == find_model(first).architecture
    with pytest.raises(SBDError, match="network is another one"):
        sbd.train(Recipe(**SMALL), tmp_path / "third", start="hrtem")


def test_a_biased_network_comes_back_from_its_card(run):
    recipe = Recipe(**{**SMALL, "network": {**SMALL["network"], "bias": True}, "steps": 1})
    path = sbd.train(recipe, run)
    assert find_model(path).architecture["bias"]
    assert any(name.endswith("bias") for name in weights(path))


def test_a_folder_keeps_to_one_recipe(simulated):
    """Another seed means other data, so that a card never tells of data that were not used."""
    with pytest.raises(SBDError, match="another recipe"):
        pool.build(Recipe(**SMALL, seed=1), simulated, 1)


def test_damaged_images_are_drawn_again(tmp_path, simulated):
    (tmp_path / "waves").symlink_to(simulated / "waves")
    recipe = Recipe(**SMALL)
    whole, _ = pool.build(recipe, tmp_path, 1)
    path = tmp_path / "images" / "training0000.npz"
    path.write_bytes(path.read_bytes()[:5000])
    again, _ = pool.build(recipe, tmp_path, 2)
    np.testing.assert_array_equal(again, whole)


def test_too_large_a_recipe_is_refused_with_numbers(tmp_path):
    with pytest.raises(SBDError, match=r"needs 8.* GB .* are free"):
        pool.build(Recipe(**{**SMALL, "images": 10**9}), tmp_path, 1)
    assert not list(tmp_path.iterdir())


def test_impossible_structures_are_refused_before_anything_is_simulated(tmp_path):
    wrong = {"mixture": {"stacking_fault": 1}, "materials": ("Pt",), "zones": ((1, 0, 0),)}
    with pytest.raises(SBDError, match=r"stacking_fault is not possible: .*\(1, 0, 0\)"):
        pool.build(Recipe(**{**SMALL, **wrong}), tmp_path, 1)
    assert not list(tmp_path.iterdir())


def test_a_full_disk_costs_no_checkpoint(run, monkeypatch):
    """The sentence says so, and the last checkpoint is still there to go on from."""
    with pytest.raises(sbd.Cancelled):
        sbd.train(Recipe(**SMALL), run, should_stop=stop_after(2))

    def full(descriptor):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(SBDError, match=r"disk .* is full"):
            sbd.train(Recipe(**SMALL), run, resume=True)
    assert not list(run.glob("*.part"))
    assert find_model(sbd.train(Recipe(**SMALL), run, resume=True)).training["steps"] == 6


def test_a_loss_that_is_no_number_ends_the_run(run):
    """A rate beyond all reason; weights that are no numbers are never saved."""
    recipe = Recipe(**{**SMALL, "rate": 1e30, "steps": 60})
    with pytest.raises(SBDError, match=r"broke down.*lower the rate"):
        sbd.train(recipe, run)
    assert not checkpoint.exists(run)


def test_there_must_be_something_to_resume(tmp_path):
    with pytest.raises(SBDError, match="no checkpoint"):
        sbd.train(Recipe(**SMALL), tmp_path, resume=True)


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(SBDError, match="cannot go on"):
        sbd.train(Recipe(**SMALL), tmp_path / "file")


def write_recipe(tmp_path, **changes):
    path = tmp_path / "recipe.yaml"
    path.write_text(yaml.safe_dump({**SMALL, **changes}))
    return path


def test_ctrl_c_ends_with_a_checkpoint_and_how_to_resume(run, tmp_path, monkeypatch, capsys):
    draw = pool.Pool.batch

    def interrupted(self, crop, step):
        if step == 3:
            signal.raise_signal(signal.SIGINT)
        return draw(self, crop, step)

    recipe = write_recipe(tmp_path)
    monkeypatch.setattr(sys, "argv", ["napari-sbd", "train", str(recipe), "-o", str(run)])
    with monkeypatch.context() as patch, pytest.raises(SystemExit) as stop:
        patch.setattr(pool.Pool, "batch", interrupted)
        cli.main()
    assert stop.value.code == 130
    assert "--resume" in capsys.readouterr().out.splitlines()[-1]
    sys.argv.append("--resume")
    with pytest.raises(SystemExit) as stop:
        cli.main()
    assert not stop.value.code
    assert (run / "tiny.safetensors").exists()


def test_a_killed_run_goes_on(run, tmp_path):
    """kill -9 while checkpoints are written as fast as they can be."""
    recipe = write_recipe(tmp_path, steps=100_000)
    script = (
        "from napari_sbd.training import history, loop; loop.CHECKPOINT_SECONDS = 0\n"
        "history.write = lambda folder, rows: None\n"
        "from napari_sbd.cli import main; main()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script, "train", str(recipe), "-o", str(run)],
        stdout=subprocess.DEVNULL,
    )
    while not (run / checkpoint.PREVIOUS).exists() and process.poll() is None:
        time.sleep(0.05)
    process.kill()
    process.wait()
    reached = checkpoint.load(run, print)["step"]
    path = sbd.train(Recipe(**{**SMALL, "steps": reached + 2}), run, resume=True)
    assert find_model(path).training["steps"] == reached + 2


def test_camera_leftovers_are_noise_about_what_is_to_be_found():
    from napari_sbd.training.cameras import leave_over

    expected = np.full((96, 96), 25.0)
    off, level = [], []
    for seed in range(60):
        noisy, clean = leave_over(expected, np.random.default_rng(seed))
        assert noisy.shape == clean.shape == expected.shape
        off.append((noisy - clean).mean() / 5)
        level.append((noisy - clean).std() / 5)
    assert abs(np.mean(off)) < 0.05  # of the shot noise of one pixel
    # whitening with a floor lowers the noise, read-out noise raises it
    assert 0.7 < np.median(level) < 1.5
    assert np.std(level) > 0.1
