"""Figures and films: what is in them, as far as numbers tell; how they look is looked at."""

import sys

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import napari_sbd as sbd
from moving import damaged
from napari_sbd.cli import main
from napari_sbd.figures.plate import plate
from napari_sbd.figures.report import report_figure
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


def test_columns_lie_on_the_frame_that_they_are_of(pair):
    """Of a movie the first frame is drawn; those of later ones were drawn over it."""
    film = [m.replace(data=np.stack([m.data] * 2), frame_time=0.5) for m in pair]
    found = sbd.find_columns(*pair)
    for frames, count in (((0, 1), len(found)), ((1,), 0)):
        columns = pd.concat([found.assign(frame=t) for t in frames], ignore_index=True)
        drawn = plate(*film, columns=columns, fft=False).axes[1].collections
        assert sum(len(c.get_offsets()) for c in drawn) == count
    later = plate(*pair, columns=found.assign(frame=7), fft=False).axes[1].collections
    assert sum(len(c.get_offsets()) for c in later) == len(found)


def test_a_page_tells_the_columns_that_it_draws(pair):
    """Those of a movie's first frame, whose error has two digits whatever it is."""
    film = [m.replace(data=np.stack([m.data] * 2)) for m in pair]
    found = sbd.find_columns(*pair)
    for scale in (1.0, 1e-3, np.nan):
        one = found.assign(y_err_nm=scale * found["y_err_nm"], x_err_nm=scale * found["x_err_nm"])
        columns = pd.concat([one.assign(frame=t) for t in (0, 1)], ignore_index=True)
        page = report_figure(*film, columns=columns)
        told = " ".join(t.get_text() for t in page.texts)
        assert f" {len(found)}, 0 at the surface" in told
        expected = 1e3 * np.hypot(one["y_err_nm"], one["x_err_nm"]).median()
        if np.isfinite(expected):
            value = float(told.partition("Median position error ")[2].split()[0])
            assert value == pytest.approx(expected, rel=0.05)
        else:
            assert "error" not in told


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
        ({"path": tmp_path / "missing" / "f.png"}, "There is no folder"),
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


def test_a_frame_that_cannot_be_read_is_black_in_a_film(tmp_path):
    from PIL import Image, ImageSequence

    lost = movie().replace(data=damaged(movie().data, 1))
    with pytest.warns(UserWarning, match="Frame 1 could not be read"):
        path = sbd.write_film(tmp_path / "m.gif", lost)
    with Image.open(path) as film:
        frames = [np.asarray(f.convert("L"), float) for f in ImageSequence.Iterator(film)]
    assert len(frames) == 4
    assert frames[1].mean() < frames[0].mean() < frames[2].mean()


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


def hexagon(shape, size):
    """Three waves of one spacing, 60 degrees apart, in pixels of a size (y, x) [nm]."""
    y, x = (np.arange(n) * s for n, s in zip(shape, size, strict=True))
    return sum(
        np.cos(2 * np.pi * (np.cos(turn) * x + np.sin(turn) * y[:, None]) / 0.25)
        for turn in np.radians([10, 70, 130])
    )


@pytest.mark.parametrize(
    ("shape", "size"),
    [
        *(((96, 320), (0.02, 0.02)), ((200, 100), (0.02, 0.04))),
        *(((200, 90), (0.02, 0.1)), ((97, 151), None)),
    ],
)
def test_the_spectrum_of_a_figure_keeps_lengths_and_angles(shape, size):
    """Of long images and of pixels that are not square: the spots lie on a circle, as drawn."""
    m = sbd.Micrograph(hexagon(shape, size or (0.02, 0.02)).astype(np.float32), size)
    figure = plate(m, m)
    figure.draw_without_rendering()
    inset = figure.axes[0].child_axes[0]
    (image,) = inset.images
    power = np.array(image.get_array())
    left, right, bottom, top = image.get_extent()
    middle = np.array([(top + bottom) / 2, (left + right) / 2])
    step = np.array([bottom - top, right - left]) / power.shape
    places = []
    for _ in range(6):
        row, column = np.unravel_index(power.argmax(), power.shape)
        power[max(0, row - 4) : row + 5, max(0, column - 4) : column + 5] = power.min()
        places.append(([row + 0.5, column + 0.5]) * step + [top, left])
    drawn = inset.transData.transform(np.array(places)[:, ::-1]) - inset.transData.transform(
        middle[::-1]
    )
    radius = np.hypot(*drawn.T)
    blur = np.abs(inset.transData.transform(step[::-1]) - inset.transData.transform((0, 0))).max()
    np.testing.assert_allclose(radius, radius.mean(), atol=2 * blur)
    assert radius.mean() > 5 * blur
    if size is not None:
        np.testing.assert_allclose(np.hypot(*np.transpose(places)), 4.0, atol=2 * step.max())


@pytest.mark.parametrize("size", [(0.02, 0.05), (0.05, 0.02), (0.02, 0.02)])
def test_a_film_shows_what_is_round_as_round(tmp_path, size):
    """A disc of 1 nm is as tall as wide, and as long as the bar says, also in oblong pixels."""
    y, x = np.indices((100, 100)) * np.array(size)[:, None, None]
    disc = np.hypot(y - 40 * size[0], x - 50 * size[1]) < 0.5
    data = np.stack([disc, disc]).astype(np.float32)
    path = sbd.write_film(tmp_path / "disc.gif", sbd.Micrograph(data, size), None)
    with Image.open(path) as film:
        bright = np.asarray(film.convert("L")) > 128
    wanted = [round(n * s / min(size)) for n, s in zip((100, 100), size, strict=True)]
    assert bright.shape == tuple(wanted)
    third = bright[: wanted[0] * 2 // 3]  # above the bar
    for axis in (0, 1):
        assert abs(third.any(axis).sum() - 1 / min(size)) <= 2 * max(size) / min(size)


def test_a_gif_has_all_grey_levels_and_the_rate_that_was_asked_for(tmp_path):
    """Grey levels were six, and 60 frames per second were 100, which players show as 10."""
    ramp = np.tile(np.arange(256, dtype=np.float32), (40, 1))
    data = np.stack([np.roll(ramp, 3 * t, 1) for t in range(13)])
    path = sbd.write_film(tmp_path / "ramp.gif", sbd.Micrograph(data), frames_per_second=12)
    with Image.open(path) as film:
        times = []
        for t in range(film.n_frames):
            film.seek(t)
            times.append(film.info["duration"])
            assert len(np.unique(np.asarray(film.convert("L")))) > 200
    assert sum(times) == pytest.approx(13000 / 12, abs=10)
    with pytest.raises(sbd.SBDError, match="at most 50"):
        sbd.write_film(tmp_path / "fast.gif", sbd.Micrograph(data), frames_per_second=60)


@pytest.mark.parametrize("step", [2.5e-4, 0.0025, 0.04, 0.5, 40.0])
def test_time_stamps_of_neighbouring_frames_differ(step):
    """A camera of 400 frames per second had the stamps 0.00, 0.00, 0.01, 0.01 s."""
    from napari_sbd.figures.film import _time

    told = [_time(t * step, step) for t in range(30)]
    assert len(set(told)) == 30
    for t, words in enumerate(told):
        value, unit = words.split()
        seconds = float(value) * {"s": 1, "min": 60}[unit]
        assert seconds == pytest.approx(t * step, abs=0.1 * step)


def test_arrays_are_drawn_with_the_pixel_size_of_the_other_image(tmp_path, pair):
    """An array is denoised to an array, whose figure ended in a traceback."""
    noisy, clean = pair
    figure = plate(noisy, clean.data)
    told = [a.texts[0].get_text() for a in figure.axes if a.get_title()]
    assert told == ["0.5 nm", "0.5 nm"]
    path = sbd.write_film(tmp_path / "m.gif", movie().data, movie().data)
    with Image.open(path) as film:
        assert film.n_frames == 4


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
