"""What is warned of in the background is read in the window, whatever else is under way."""

from __future__ import annotations

from threading import Barrier, Event

import numpy as np

from known import lattice
from napari_sbd._napari.forms.task_widget import merged
from napari_sbd._napari.jobs.work import in_background
from napari_sbd.errors import warn


def test_a_lattice_that_the_result_lost_is_told_in_the_window(add, denoise_widget, until):
    electrons = np.random.default_rng(0).poisson(lattice((256, 256)) * 0.5)
    add(electrons.astype(np.float32))  # the network of these tests was never trained
    denoise_widget.start.click()
    until(lambda: not denoise_widget.running)
    assert denoise_widget.message.text().startswith("Denoised")
    assert "has lost" in denoise_widget.message.text()


def test_what_is_told_of_many_frames_is_one_sentence(add, denoise_widget, until):
    """Each frame has lost another period."""
    frames = [lattice((256, 256)), lattice((256, 256), period=30.0)]
    electrons = np.random.default_rng(0).poisson(0.5 * np.stack(frames))
    add(electrons.astype(np.float32))
    denoise_widget.start.click()
    until(lambda: not denoise_widget.running)
    words = denoise_widget.message.text()
    assert words.count("has lost") == 1
    assert "," in words.split("a period of ")[1].split(" nm")[0]


def test_numbers_of_merged_sentences_rise():
    """They stood in the order in which frames came, which differs from run to run."""
    told = [f"A period of {p} nm was lost." for p in ("0.12", "0.093", "0.1", "0.12")]
    assert merged([*told, "Once."]) == ["A period of 0.093, 0.1, 0.12 nm was lost.", "Once."]


def test_workers_that_overlap_hear_each_its_own(qtbot, until):
    meet, early_is_over, ended = Barrier(2), Event(), []
    heard = {"early": [], "late": []}

    def work(name):
        meet.wait(5)
        if name == "late":
            assert early_is_over.wait(5)
        warn(f"I am {name}")

    for name, words in heard.items():
        worker = in_background(lambda name=name: work(name), ended.append, ended.append, words)
        if name == "early":
            worker.finished.connect(early_is_over.set)
        worker.start()
    until(lambda: len(ended) == 2)
    assert ended == [None, None]
    assert heard == {"early": ["I am early"], "late": ["I am late"]}
