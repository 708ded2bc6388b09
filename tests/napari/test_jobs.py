"""Several jobs: one works, the others wait, each can be cancelled."""

import gc

import numpy as np
import pytest

from napari_sbd._napari.forms.job_list import JobList
from napari_sbd._napari.forms.task_widget import TaskWidget
from napari_sbd._napari.jobs import queue as jobs
from napari_sbd._napari.jobs.queue import queue


@pytest.fixture(autouse=True)
def _no_halves(monkeypatch):
    """The comparison of halves that follows each denoising is a job of its own."""
    monkeypatch.setattr(
        "napari_sbd._napari.denoise.two_halves.TwoHalves.compare", lambda *_arguments: None
    )


@pytest.fixture
def two(denoise_widget, denoiser, add, noisy, until):
    """Two denoisings in the queue, the first held back."""
    denoiser.go.clear()
    for name in ("first", "second"):
        add(noisy, name=name)
        denoise_widget.layer.choose(denoise_widget.viewer.layers[name])
        denoise_widget.start.click()
    until(lambda: denoiser.busy)
    return denoise_widget


def names(viewer):
    return [layer.name for layer in viewer.layers]


def test_queued_images_are_denoised_one_after_the_other(viewer, two, denoiser, until):
    assert [job.words for job in queue().jobs][1] == "Waiting"
    denoiser.go.set()
    until(lambda: not two.running and not queue().jobs)
    assert names(viewer) == ["first", "second", "first denoised", "second denoised"]


def test_the_list_shows_two_jobs_and_cancels_the_waiting_one(viewer, two, denoiser, until):
    shown = two.jobs
    assert len(shown.cancels) == 2
    shown.cancels[1].click()
    assert not shown.cancels
    assert two.message.text() == "Cancelled."
    denoiser.go.set()
    until(lambda: not two.running)
    assert names(viewer) == ["first", "second", "first denoised"]


def test_cancelling_the_one_at_work_lets_the_next_begin(viewer, two, denoiser, until):
    two.jobs.cancels[0].click()
    until(lambda: len(queue().jobs) == 1)
    denoiser.go.set()
    until(lambda: not two.running)
    assert names(viewer) == ["first", "second", "second denoised"]


def test_deleting_the_image_of_a_waiting_job_drops_it(viewer, two, denoiser, until):
    viewer.layers.remove("second")
    assert len(queue().jobs) == 1
    denoiser.go.set()
    until(lambda: not two.running)
    assert names(viewer) == ["first", "first denoised"]


def test_an_error_in_one_job_leaves_the_next_alone(viewer, two, denoiser, until):
    failing = [True]
    denoiser.fails_at = lambda frame: failing and failing.pop()
    denoiser.error = MemoryError()
    two.jobs.cancels[0].click()
    denoiser.go.set()
    until(lambda: not two.running)
    assert "memory" in two.message.text()
    assert names(viewer) == ["first", "second"]


def test_the_same_is_not_queued_twice(viewer, denoise_widget, denoiser, add, noisy, until):
    denoiser.go.clear()
    add(noisy)
    denoise_widget.start.click()
    denoise_widget.start.click()
    assert len(queue().jobs) == 1
    assert "under way already" in denoise_widget.message.text()


def test_the_memory_of_the_graphics_card_is_given_back_after_each_job(
    viewer, two, denoiser, until, monkeypatch
):
    given = []
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.empty_cache", lambda: given.append(len(queue().jobs)))
    denoiser.go.set()
    until(lambda: not two.running)
    assert given == [1, 0]


class Counting(TaskWidget):
    """Returns a number at once."""

    def prepare(self):
        return lambda progress, should_stop: np.pi

    def show_result(self, result):
        return f"{result:.2f}"


def test_a_task_waits_for_the_jobs_before_it(viewer, two, denoiser, until):
    widget = Counting(viewer, "Count…", "")
    widget.start.click()
    assert [job.name for job in queue().jobs][-1] == "Count"
    denoiser.go.set()
    until(lambda: not widget.running)
    assert widget.message.text() == "3.14"
    assert not two.running
    widget.deleteLater()


def test_a_task_that_waits_for_none_begins_at_once(viewer, two, until):
    widget = Counting(viewer, "Count…", "")
    widget.in_line = False
    widget.start.click()
    until(lambda: not widget.running)
    assert widget.message.text() == "3.14"
    assert two.running
    widget.deleteLater()


def test_deleting_a_widget_ends_its_jobs_and_no_others(viewer, two, until):
    widget = Counting(viewer, "Count…", "")
    widget.start.click()
    widget.deleteLater()
    until(lambda: len(queue().jobs) == 2)
    assert two.running


def test_a_task_that_waits_can_be_cancelled(viewer, two):
    class Never(TaskWidget):
        def prepare(self):
            return lambda progress, should_stop: pytest.fail("it began")

        def show_result(self, result):
            return ""

    widget = Never(viewer, "Never", "")
    widget.start.click()
    widget.cancel.click()
    assert not widget.running
    assert widget.message.text() == "Cancelled."
    widget.deleteLater()


def test_an_empty_list_takes_no_room(qtbot):
    listed = JobList()
    qtbot.addWidget(listed)
    assert not listed.isVisibleTo(None)
    assert not jobs.queue().jobs


def test_what_work_allocates_makes_no_pass_over_all_of_napari():
    queue()
    passes = []

    def note(phase, info):
        if info["generation"] == 2:
            passes.append(phase)

    gc.collect()
    gc.callbacks.append(note)
    kept = [[] for _ in range(1_000_000)]
    gc.callbacks.remove(note)
    assert not passes
    del kept
