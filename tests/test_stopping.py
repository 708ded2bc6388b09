"""Whoever wants an end of something long gets it, wherever the work is."""

import threading

import numpy as np
import pytest

import napari_sbd as sbd
from known import lattice
from napari_sbd.errors import Cancelled, stop_if_asked, stopping

PIXEL = 0.0061


def asked_after(count):
    """Says so at the ``count``-th question, and counts the questions."""
    asked = []

    def should_stop():
        asked.append(1)
        return len(asked) > count

    return should_stop, asked


@pytest.fixture(scope="module")
def pair():
    truth = lattice((256, 256), mean=4.0)
    noisy = np.random.default_rng(0).poisson(truth).astype(np.float32)
    return sbd.Micrograph(noisy, PIXEL, gain=1.0), sbd.Micrograph(truth, PIXEL, gain=1.0)


@pytest.mark.parametrize("work", [sbd.find_columns, sbd.agreement])
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_single_image_is_given_up_on_the_way(pair, work):
    should_stop, asked = asked_after(10**9)
    with stopping(should_stop):
        work(*pair)
    questions = len(asked)
    assert questions >= 3
    for count in (0, questions // 2, questions - 1):
        should_stop, asked = asked_after(count)
        with pytest.raises(Cancelled), stopping(should_stop):
            work(*pair)
        assert len(asked) == count + 1  # nothing was computed after that


def test_it_concerns_the_thread_that_asks_and_ends_with_it():
    reached = []
    with stopping(lambda: True):
        other = threading.Thread(target=lambda: reached.append(stop_if_asked()))
        other.start()
        other.join()
        with stopping(lambda: False):
            stop_if_asked()
        with stopping(None), pytest.raises(Cancelled):
            stop_if_asked()
    stop_if_asked()
    assert reached == [None]
