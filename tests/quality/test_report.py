"""The page for the lab book: whatever is said fits on it."""

from itertools import pairwise

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

import napari_sbd as sbd
from known import lattice
from napari_sbd.figures.report import report_figure
from napari_sbd.recipe import recipe, with_recipe

LONG = "Pt on CeO2, sample 12 of the batch of March, 300 kV, in 1 mbar of CO at 25 degrees. " * 20


def page(name="frame", remarks="", source=None, metadata=None):
    truth = lattice((96, 96), mean=5)
    raw = sbd.Micrograph(
        np.random.default_rng(0).poisson(truth), 0.0061, gain=1.0, name=name, source=source
    ).replace(metadata=metadata or {})
    denoised = raw.replace(data=truth.astype(np.float32))
    done = with_recipe(denoised, recipe("denoise", model="hrtem", camera={"a": {"b": [1] * 99}}))
    figure = report_figure(raw, done, remarks=remarks)
    FigureCanvasAgg(figure).draw()
    return figure


@pytest.mark.parametrize(
    ("name", "remarks", "source"),
    [
        ("frame", "", None),
        ("W" * 150, "one\ntwo", "/data/" + "verylongfolder/" * 12 + "frame.dm4"),
        ("frame", LONG, None),
        ("frame", "M" * 700, None),
        ("a $ name", "costs $5 and $\\frac{1}$", None),
    ],
)
def test_nothing_is_cut_and_no_lines_lie_on_each_other(name, remarks, source):
    figure = page(name, remarks, source)
    inside = figure.bbox
    boxes = [t.get_window_extent() for t in figure.texts]
    for text, box in zip(figure.texts, boxes, strict=True):
        assert inside.x0 <= box.x0, text
        assert box.x1 <= inside.x1, text
        assert inside.y0 <= box.y0, text
        assert box.y1 <= inside.y1, text
    below = [box for box in boxes if box.x0 > 0.15 * inside.x1 and box.y1 < 0.4 * inside.y1]
    tops = sorted(below, key=lambda box: -box.y0)
    assert all(upper.y0 > lower.y0 for upper, lower in pairwise(tops))
    words = "".join(t.get_text() for t in figure.texts)
    assert remarks.replace("\n", "").replace(" ", "") in words.replace(" ", "")


def test_the_page_tells_how_the_image_was_recorded():
    recorded = {"acquisition": {"tilt_deg": 12.0, "dose_per_A2": 2.5}}
    words = " ".join(t.get_text() for t in page(metadata=recorded).figure.texts)
    told = "as the file has it, tilt 12°, dose 2.5 electrons/Å²"
    assert told.replace(" ", "") in "".join(words.split())
    assert "as the file has it" not in " ".join(t.get_text() for t in page().figure.texts)


def test_the_page_tells_the_model_and_dumps_no_settings():
    words = [t.get_text() for t in page().figure.texts]
    assert any("model hrtem" in line for line in words)
    assert not any("{" in line or "[" in line for line in words)
