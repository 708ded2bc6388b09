"""Which image, which raw image and which network: what was chosen, never what is named like it."""

import numpy as np
import pytest

import napari_sbd as sbd
from known import lattice
from napari_sbd._napari.forms.model_box import own_models
from napari_sbd._napari.forms.pair_boxes import pair_boxes
from napari_sbd._napari.layers.micrographs import add_result, micrograph_of, to_layer
from napari_sbd._napari.tools.agreement_widget import AgreementWidget
from napari_sbd._napari.tools.columns_widget import ColumnsWidget
from napari_sbd._napari.tools.compare_widget import CompareWidget
from napari_sbd._napari.tools.filter_widget import FilterWidget
from napari_sbd.gaintuning import tune
from napari_sbd.networks import find_model
from napari_sbd.repeat import denoiser_of, tunes_anew

PIXEL = 0.0061


def raw_layer(viewer, name, seed=0, source=None):
    counts = np.random.default_rng(seed).poisson(lattice((96, 96))).astype(np.float32)
    m = sbd.Micrograph(counts, PIXEL, gain=1.0, name=name, source=source)
    data, attributes, _ = to_layer(m)
    return viewer.add_image(data, **attributes)


def result_layer(viewer, source, **options):
    made = sbd.denoise(micrograph_of(source), device="cpu", **options)
    return add_result(viewer, source, made, "denoised")


@pytest.fixture
def open_tool(viewer, until):
    opened = []

    def open_one(kind):
        opened.append(kind(viewer))
        return opened[-1]

    yield open_one
    for widget in opened:
        until(lambda w=widget: not w.running)
        widget.deleteLater()


def test_the_raw_image_of_a_result_is_the_one_it_was_made_from(viewer):
    """The last layer whose name begins the result's, "frame", is another image."""
    wanted = raw_layer(viewer, "frame 2", 1)
    raw_layer(viewer, "frame", 2)
    result = result_layer(viewer, wanted)
    raw, denoised = pair_boxes(viewer)
    assert (denoised.layer, raw.layer) == (result, wanted)
    wanted.name, result.name = "something else", "frame denoised"
    raw.choose(None)
    denoised.chosen.emit()
    assert raw.layer is wanted
    for box in (raw, denoised):
        box.deleteLater()


def test_where_nothing_tells_the_raw_image_none_is_chosen(viewer, open_tool):
    for name in ("frame", "frame 2"):
        raw_layer(viewer, name)
    stranger = result_layer(viewer, viewer.layers["frame"])
    stranger.metadata = {k: v for k, v in stranger.metadata.items() if "made_from" not in k}
    widget = open_tool(AgreementWidget)
    assert widget.raw.layer is None
    widget.start.click()
    assert "Choose the raw image" in widget.message.text()


def test_results_from_files_find_their_raw_image_by_the_file_in_their_recipe(viewer, tmp_path):
    paths = [tmp_path / f"{name}.mrc" for name in ("one", "two")]
    for seed, path in enumerate(paths):
        counts = np.random.default_rng(seed).poisson(lattice((96, 96))).astype(np.float32)
        sbd.write(sbd.Micrograph(counts, PIXEL, gain=1.0), path)
    sbd.write(sbd.denoise(sbd.read(paths[0]), device="cpu"), tmp_path / "result.ome.tif")
    added = []
    for path in (*paths, tmp_path / "result.ome.tif"):
        data, attributes, _ = to_layer(sbd.read(path))
        added.append(viewer.add_image(data, **{**attributes, "name": "image"}))
    raw, denoised = pair_boxes(viewer)
    denoised.choose(added[2])
    assert raw.layer is added[0]
    for box in (raw, denoised):
        box.deleteLater()


def test_the_link_to_the_raw_layer_stays_out_of_files(viewer, tmp_path):
    result = result_layer(viewer, raw_layer(viewer, "raw"))
    assert any("made_from" in key for key in result.metadata)
    assert not any("made_from" in key for key in micrograph_of(result).metadata)


@pytest.mark.parametrize("kind", [CompareWidget, FilterWidget])
def test_an_own_model_is_never_replaced_by_a_bundled_one_of_its_name(
    viewer, open_tool, until, tmp_path, kind
):
    """Its weights are damaged, which only who opens this very file can tell."""
    own = tmp_path / "hrtem.safetensors"
    card = find_model("hrtem")
    own.with_suffix(".json").write_text(card.path.with_suffix(".json").read_text())
    own.write_bytes(b"no weights")
    own_models().add(str(own))
    raw_layer(viewer, "raw")
    widget = open_tool(kind)
    widget.model.choose(str(own))
    if kind is FilterWidget:
        widget.look_at((40 * PIXEL, 40 * PIXEL))
    else:
        widget.start.click()
    until(lambda: not widget.running)
    assert str(own) in widget.message.text()
    assert "not those of their card" in widget.message.text()


def test_the_window_gives_the_decibels_of_the_command_line(viewer, open_tool, until):
    raw_layer(viewer, "raw")
    widget = open_tool(CompareWidget)
    widget.tuned.setChecked(False)
    widget.start.click()
    until(lambda: not widget.running)
    from napari_sbd.quality import candidates, compare

    m = micrograph_of(viewer.layers["raw"])
    table = compare(m.electrons, candidates(pixel_size=PIXEL, gain_tuning=False))
    shown = {
        widget.table.item(row, 0).text(): widget.table.item(row, 1).text()
        for row in range(widget.table.rowCount())
    }
    resolved = table[table["high"] < np.inf]
    assert len(resolved)
    for name, score in resolved.iterrows():
        assert shown[name].startswith(f"{score['upsnr']:.1f} ")
    assert f"peak {table.attrs['peak']:.3g}" in widget.table.horizontalHeaderItem(1).text()


@pytest.mark.parametrize(
    ("gain", "told", "unit"),
    [
        (1.0, None, "e⁻"),
        (11.3, 11.3, "e⁻"),
        (11.3, None, "image units"),
        (0.37, None, "image units"),
    ],
)
def test_the_peak_is_in_electrons_where_a_gain_makes_them(
    viewer, open_tool, until, gain, told, unit
):
    """Counts, a gain that is told, whole numbers of an unknown one, and floats; by frames each."""
    counts = np.random.default_rng(0).poisson(lattice((64, 64), mean=30), (4, 64, 64))
    values = gain * counts
    m = sbd.Micrograph(np.round(values) if gain > 1 else values, PIXEL, gain=told, name="movie")
    data, attributes, _ = to_layer(m)
    viewer.add_image(data, **attributes)
    viewer.dims.set_current_step(0, 0)
    widget = open_tool(CompareWidget)
    widget.tuned.setChecked(False)
    widget.way.setCurrentText("frames of a still scene")
    widget.start.click()
    until(lambda: not widget.running)
    header = widget.table.horizontalHeaderItem(1).text()
    peak = float(header.split("peak ")[1].split(" ")[0])
    assert header.endswith(f"{unit}]")
    assert peak == pytest.approx(30 * (1 if unit == "e⁻" else gain), rel=0.8)
    shown = widget._pictures["raw"]
    np.testing.assert_allclose(shown, m.data[0], rtol=1e-5)


@pytest.fixture
def counts():
    return np.random.default_rng(0).poisson(lattice((96, 96))).astype(np.float32)


@pytest.mark.filterwarnings("ignore:What model:UserWarning")  # it never learned
def test_halves_are_denoised_by_the_denoiser_of_the_result(counts, model, tmp_path):
    """An own model, its quality, and gains from elsewhere; not the bundled one, not untuned."""
    raw = sbd.Micrograph(counts, PIXEL, gain=1.0)
    elsewhere = sbd.Micrograph(counts.T.copy(), PIXEL, gain=1.0)
    tuned = sbd.gain_tune(elsewhere, model=model, steps=3, device="cpu")
    half = np.random.default_rng(1).poisson(counts / 2).astype(np.float32) * 2
    for options in ({"model": model, "quality": "best"}, {"gain_tuning": tuned}):
        result = sbd.denoise(raw, device="cpu", **options)
        again = denoiser_of(result, device="cpu")(half)
        expected = sbd.denoise(half, pixel_size=PIXEL, device="cpu", **options)
        np.testing.assert_array_equal(again, expected)
        other = sbd.denoise(half, pixel_size=PIXEL, device="cpu", model="hrtem")
        assert np.abs(again - other).max() > 1e-3


@pytest.mark.filterwarnings("ignore:What model:UserWarning")  # it never learned
def test_gains_tuned_on_the_image_are_tuned_anew_on_its_halves(counts, model, tmp_path):
    sbd.write(sbd.Micrograph(counts, PIXEL, gain=1.0), tmp_path / "raw.npy")
    raw = sbd.read(tmp_path / "raw.npy")
    tuned = sbd.gain_tune(raw, model=model, steps=3, device="cpu")
    result = sbd.denoise(raw, gain_tuning=tuned, device="cpu")
    half = np.random.default_rng(1).poisson(counts / 2).astype(np.float32) * 2
    again = denoiser_of(result, device="cpu")(half)
    m = sbd.Micrograph(half, PIXEL, gain=1.0)
    anew = sbd.gain_tune(m, model=model, steps=3, device="cpu")
    np.testing.assert_array_equal(again, sbd.denoise(m, gain_tuning=anew, device="cpu").data)


@pytest.mark.filterwarnings("ignore::UserWarning")  # it never learned
@pytest.mark.parametrize(("frames", "seen"), [("reference", [0]), (-1, [2]), ("all", [0, 1, 2])])
def test_gains_are_tuned_anew_for_frames_that_they_know_alone(
    counts, model, tmp_path, monkeypatch, frames, seen
):
    """The noise of other frames is no part of them: halves of these are denoised with the gains."""
    rng = np.random.default_rng(2)
    sbd.write(
        sbd.Micrograph(rng.poisson(counts, (3, *counts.shape)), PIXEL, gain=1.0),
        tmp_path / "movie.npy",
    )
    movie = sbd.read(tmp_path / "movie.npy")
    tuned = sbd.gain_tune(movie, model=model, steps=1, frames=frames, device="cpu")
    result = sbd.denoise(movie, gain_tuning=tuned, device="cpu")
    assert tunes_anew(result)
    assert [t for t in range(3) if tunes_anew(result.frame(t))] == seen
    # so is it after it was written and read
    sbd.write(result, tmp_path / "result.npy")
    again = sbd.read(tmp_path / "result.npy")
    assert [t for t in range(3) if tunes_anew(again.frame(t))] == seen
    # an image of which nobody knows which frame it was is treated with caution
    alone = result.replace(data=np.asarray(result.data[1]))
    assert tunes_anew(alone)

    done = []
    real = tune.tuned_on
    monkeypatch.setattr(tune, "tuned_on", lambda *a, **k: (done.append(1), real(*a, **k))[1])
    half = rng.poisson(counts / 2).astype(np.float32) * 2
    for t in range(3):
        done.clear()
        made = denoiser_of(result.frame(t), device="cpu")(half)
        assert len(done) == (t in seen)
        if t not in seen:
            expected = sbd.denoise(half, pixel_size=PIXEL, gain_tuning=tuned, device="cpu")
            np.testing.assert_array_equal(made, expected)


def test_what_halves_cannot_repeat_is_refused(counts):
    movie = sbd.Micrograph(np.stack([counts] * 3), PIXEL, gain=1.0)
    result = sbd.denoise_movie(movie, neighbours=1, device="cpu")
    with pytest.raises(sbd.SBDError, match="Neighbouring frames"):
        denoiser_of(result)(counts)
    with pytest.raises(sbd.SBDError, match="not made by Denoise"):
        denoiser_of(movie)


def test_columns_before_denoise_say_what_to_click(viewer, open_tool):
    raw_layer(viewer, "raw")
    widget = open_tool(ColumnsWidget)
    widget.start.click()
    assert "click Denoise first" in widget.message.text()


def test_no_other_image_takes_the_place_of_a_raw_one_that_is_gone(viewer, open_tool):
    """Two scans of a session have the same shape, and one must not be judged by the other."""
    first, second = (raw_layer(viewer, name, seed) for seed, name in enumerate(("one", "two")))
    result_layer(viewer, first)
    judge, columns = open_tool(AgreementWidget), open_tool(ColumnsWidget)
    viewer.layers.remove(first)
    for widget in (judge, columns):
        assert widget.raw.layer is None
        widget.start.click()
        assert "Choose the raw image" in widget.message.text()
    judge.raw.choose(second)  # a person may say that it is the one
    assert judge.raw.layer is second


def test_a_file_that_is_opened_again_is_the_raw_image_again(viewer, open_tool, tmp_path):
    layers = []
    for seed, name in enumerate(("one", "two")):
        path = tmp_path / f"{name}.mrc"
        counts = np.random.default_rng(seed).poisson(lattice((96, 96))).astype(np.float32)
        sbd.write(sbd.Micrograph(counts, PIXEL), path)
        data, attributes, _ = to_layer(sbd.read(path))
        layers.append(viewer.add_image(data, **attributes))
    result_layer(viewer, layers[0])
    widget = open_tool(AgreementWidget)
    viewer.layers.remove(layers[0])
    assert widget.raw.layer is None
    data, attributes, _ = to_layer(sbd.read(tmp_path / "one.mrc"))
    again = viewer.add_image(data, **attributes)
    assert widget.raw.layer is again


def test_a_result_is_not_given_the_raw_image_of_another_file(viewer, tmp_path):
    for seed, name in enumerate(("one", "two")):
        counts = np.random.default_rng(seed).poisson(lattice((96, 96))).astype(np.float32)
        sbd.write(sbd.Micrograph(counts, PIXEL), tmp_path / f"{name}.mrc")
    sbd.write(sbd.denoise(sbd.read(tmp_path / "one.mrc"), device="cpu"), tmp_path / "r.ome.tif")
    for name in ("two.mrc", "r.ome.tif"):
        data, attributes, _ = to_layer(sbd.read(tmp_path / name))
        viewer.add_image(data, **attributes)
    boxes = pair_boxes(viewer)
    assert boxes[0].layer is None
    for box in boxes:
        box.deleteLater()


def test_of_several_images_the_outcome_names_its_own(viewer, open_tool, until):
    first = raw_layer(viewer, "one")
    made = result_layer(viewer, first)
    widget = open_tool(AgreementWidget)
    for expected in ("", f"{made.name}: "):
        widget.start.click()
        until(lambda: not widget.running)
        assert widget.message.text().startswith(expected)
        assert bool(expected) == (made.name in widget.message.text())
        raw_layer(viewer, "two", 1)
