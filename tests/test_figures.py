"""Figures and films: what is in them, as far as numbers tell; how they look is looked at."""

import sys

import numpy as np
import pytest
from PIL import Image

import napari_sbd as sbd
from napari_sbd.cli import main
from napari_sbd.figures.plate import plate
from napari_sbd.measure.kymograph import kymograph

PIXEL = 0.02


@pytest.fixture(scope="module")
def pair():
    y, x = np.indices((160, 160)) * np.pi / 14
    clean = 4 + 16 * (np.cos(y) * np.cos(x)) ** 4
    counts = np.random.default_rng(0).poisson(clean)
    return tuple(sbd.Micrograph(v.astype(np.float32), PIXEL, gain=1.0) for v in (counts, clean))


def test_panels_show_the_images_with_a_bar_of_the_right_length(pair):
    figure = plate(*pair)
    panels = [a for a in figure.axes if a.get_title()]
    assert [a.get_title() for a in panels] == ["raw", "denoised"]
    for axes, m in zip(panels, pair, strict=True):
        np.testing.assert_array_equal(axes.images[0].get_array(), m.data)
        (bar,) = axes.lines
        length = float(axes.texts[0].get_text().removesuffix(" nm"))
        assert np.ptp(bar.get_xdata()) * PIXEL == pytest.approx(length)
        assert len(axes.child_axes) == 1  # the spectrum


@pytest.mark.parametrize("unit", [1e-12, 1e12])
def test_the_contrast_of_pictures_hangs_on_no_unit(tmp_path, pair, unit):
    low, high = (np.percentile(pair[0].data, q) * unit for q in (0.2, 99.8))
    scaled = [m.replace(data=m.data * np.float32(unit), gain=unit) for m in pair]
    shown = plate(*scaled).axes[0].images[0]
    assert shown.get_clim() == pytest.approx((low, high), rel=1e-5)
    movie = scaled[0].replace(data=np.stack([scaled[0].data] * 2), frame_time=0.5)
    sbd.write_film(tmp_path / "film.gif", movie)
    with Image.open(tmp_path / "film.gif") as film:
        assert np.std(np.asarray(film.convert("L"), float)) > 40
    lines = kymograph(movie, (20, 10), (20, 150)).figure().axes[0].images[0]
    assert lines.get_clim()[1] < 30 * unit


def test_columns_and_agreement_follow_the_box(pair):
    columns = sbd.find_columns(*pair)
    judged = sbd.agreement(*pair)
    box = (slice(40, 120), slice(20, 140))
    figure = plate(*pair, agreement=judged, columns=columns, box=box, fft=False)
    first, second, third = [a for a in figure.axes if a.get_title()]
    assert first.images[0].get_array().shape == (80, 120)
    np.testing.assert_array_equal(third.images[0].get_array(), judged.z[box])
    inside = columns[columns["y"].between(39.5, 119.5) & columns["x"].between(19.5, 139.5)]
    drawn = np.concatenate([c.get_offsets() for c in second.collections])
    expected = inside[["x", "y"]].to_numpy() - [20, 40]
    np.testing.assert_allclose(np.sort(drawn, 0), np.sort(expected, 0))


@pytest.mark.parametrize("suffix", [".png", ".svg", ".pdf"])
def test_figures_from_the_command_line(tmp_path, pair, suffix, monkeypatch, capsys):
    for m, name in zip(pair, ("raw.npy", "clean.npy"), strict=True):
        sbd.write(m, tmp_path / name)
    words = ["figure", "raw.npy", "clean.npy", "-o", f"f{suffix}", "--box", "0:100,0:80"]
    monkeypatch.setattr(sys, "argv", ["napari-sbd", *words])
    monkeypatch.chdir(tmp_path)
    try:
        main()
    except SystemExit as stop:
        assert not stop.code
    head = {".png": b"\x89PNG", ".svg": b"<?xml", ".pdf": b"%PDF"}[suffix]
    assert (tmp_path / f"f{suffix}").read_bytes().startswith(head)


def test_figures_that_cannot_be_are_refused(tmp_path, pair):
    noisy, clean = pair
    for wrong, said in (
        ({"path": tmp_path / "f.bmp"}, "f.bmp"),
        ({"denoised": sbd.Micrograph(np.ones((32, 32)))}, "different size"),
        ({"box": (slice(500, 600), slice(0, 10))}, "outside"),
        ({"path": tmp_path / "missing" / "f.png"}, "cannot be written"),
    ):
        given = {"path": tmp_path / "f.png", "raw": noisy, "denoised": clean, **wrong}
        with pytest.raises(sbd.SBDError, match=said):
            sbd.write_figure(**given)


def movie(count=4):
    """Each frame a little brighter than the one before."""
    rng = np.random.default_rng(0)
    data = rng.random((count, 61, 80)).astype(np.float32) + np.arange(count)[:, None, None]
    return sbd.Micrograph(data, PIXEL, frame_time=0.5)


def test_a_gif_has_all_frames_their_contrast_and_the_time(tmp_path):
    from PIL import Image, ImageSequence

    path = sbd.write_film(tmp_path / "m.gif", movie(), frames_per_second=5)
    with Image.open(path) as film:
        frames = [np.asarray(f.convert("L"), float) for f in ImageSequence.Iterator(film)]
        assert film.info["duration"] == 200
    assert len(frames) == 4 and frames[0].shape == (62, 80)
    assert np.all(np.diff([f.mean() for f in frames]) > 20)
    # the time stamp changes, the scale bar does not
    corner = [f[:12, :40] for f in frames]
    assert (frames[0][-6:, 4:20].max() == 255) and not np.array_equal(corner[0], corner[1])


def test_two_movies_beside_each_other(tmp_path):
    from PIL import Image

    path = sbd.write_film(tmp_path / "m.gif", movie(2), movie(2))
    with Image.open(path) as film:
        assert film.size == (160, 62)


# the package leaves pipes to its ffmpeg to the garbage collector
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_mp4_plays(tmp_path):
    read_frames = pytest.importorskip("imageio_ffmpeg").read_frames
    path = sbd.write_film(tmp_path / "m.mp4", movie())
    facts, *played = read_frames(str(path))
    assert facts["size"] == (80, 62)
    frames = [np.frombuffer(f, np.uint8).mean() for f in played]
    assert len(frames) == 4 and np.all(np.diff(frames) > 20)


def test_films_that_cannot_be_are_refused(tmp_path):
    m = movie()
    for given, said in (
        ((tmp_path / "m.avi", m), "m.avi"),
        ((tmp_path / "m.gif", m.replace(data=m.data[0], frame_time=None)), "single image"),
        ((tmp_path / "m.gif", m, movie(3)), "different size"),
    ):
        with pytest.raises(sbd.SBDError, match=said):
            sbd.write_film(*given)
    with pytest.raises(sbd.SBDError, match="per second"):
        sbd.write_film(tmp_path / "m.gif", m, frames_per_second=0)
    assert not list(tmp_path.glob("m.*"))


def test_a_figure_of_an_image_without_gain_lacks_the_judged_picture_and_says_so(
    tmp_path, pair, monkeypatch, capsys
):
    """The command was refused and asked for a gain that it does not take."""
    monkeypatch.chdir(tmp_path)
    for m, name in zip(pair, ("raw.tif", "clean.tif"), strict=True):
        sbd.write(m.replace(data=0.37 * m.data + 5, gain=None), name)

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["napari-sbd", "figure", *words, "-o", "f.png"])
        with pytest.raises(SystemExit) as end:
            main()
        return end.value.code or 0, capsys.readouterr().err

    assert run("raw.tif", "clean.tif", "--judge")[0] == 2
    assert not (tmp_path / "f.png").exists()
    code, said = run("raw.tif", "clean.tif")
    assert code == 0
    assert "no judged picture" in said
    assert (tmp_path / "f.png").exists()
    code, said = run("clean.tif", "raw.tif")  # what is wrong otherwise stays refused
    assert code == 2
    assert "comes first" in said
