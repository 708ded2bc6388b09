"""Live mode: a preview that follows what is looked at."""

import numpy as np
import pytest

from napari_sbd._napari.jobs.live import LARGEST, MARGIN, bounded
from napari_sbd._napari.layers.view_state import frame_shown, part_shown

BIG = np.arange(1200 * 1400, dtype=np.float32).reshape(1200, 1400)


@pytest.fixture
def live(denoise_widget, until):
    """Switch live mode on and wait for its preview."""

    def begin():
        denoise_widget.live.click()
        settle()

    def settle():
        until(lambda: not denoise_widget.preview.busy)

    begin.settle = settle
    return begin


def preview_of(viewer):
    return next((layer for layer in viewer.layers if layer.name.endswith("[live]")), None)


def test_a_small_frame_is_taken_whole_and_a_large_one_in_part():
    assert bounded(((5, 9), (0, 3)), (5, 5), (512, 600)) == ((0, 512), (0, 600))
    rows, columns = bounded(((1000, 3000), (4000, 4100)), (5, 5), (4096, 4096))
    for (low, high), middle in ((rows, 2000), (columns, 4050)):
        assert low % 5 == 0
        assert 2 * MARGIN * 5 <= high - low <= LARGEST * 5
        assert low <= middle < high <= 4096


@pytest.mark.parametrize("place", [(0, 0), (2048, 2048), (4095, 4095)])
def test_the_part_lies_in_the_frame_wherever_one_looks(place):
    shown = tuple((max(p - 50, 0), min(p + 50, 4096)) for p in place)
    for low, high in bounded(shown, (3, 7), (4096, 4096)):
        assert 0 <= low < high <= 4096


def test_what_is_visible_follows_pan_and_zoom(viewer, add):
    layer = add(BIG)
    viewer.canvas.size = (300, 400)
    viewer.scene.camera.center = (0.0, 600 * 0.0061, 700 * 0.0061)
    viewer.scene.camera.zoom = 2 / 0.0061  # two canvas pixels for each of the image
    rows, columns = part_shown(viewer, layer)
    assert rows == pytest.approx((525, 676), abs=2)
    assert columns == pytest.approx((600, 801), abs=2)
    viewer.dims.ndisplay = 3
    assert part_shown(viewer, layer) == ((0, 1200), (0, 1400))


def test_the_frame_shown_stays_inside_the_movie(viewer, add, noisy_movie):
    layer = add(noisy_movie, frame_time=0.5)
    viewer.dims.set_current_step(0, 3)
    assert frame_shown(viewer, layer) == 3


def test_the_preview_follows_the_frames_and_shows_on_its_own_frame_only(
    viewer, denoise_widget, denoiser, live, add, noisy_movie
):
    source = add(noisy_movie, frame_time=0.5, name="movie")
    source.translate = (0.25, 1.0, 2.0)
    viewer.dims.set_current_step(0, 0)
    live()
    for frame in (0, 3):
        viewer.dims.set_current_step(0, frame)
        live.settle()
        preview = preview_of(viewer)
        np.testing.assert_allclose(preview.data[0], noisy_movie[frame] + 100)
        np.testing.assert_allclose(
            preview.data_to_world((0, 0, 0)), source.data_to_world((frame, 0, 0))
        )
        assert preview.units == source.units
    assert len(viewer.layers) == 2
    assert denoise_widget.layer.layer is source


def test_the_latest_frame_wins(viewer, denoiser, live, denoise_widget, add, until, noisy_movie):
    add(noisy_movie)
    denoiser.go.clear()
    denoise_widget.live.click()
    until(lambda: denoiser.busy)
    for frame in (1, 2, 4):
        viewer.dims.set_current_step(0, frame)
    denoiser.go.set()
    live.settle()
    np.testing.assert_allclose(preview_of(viewer).data[0], noisy_movie[4] + 100)
    assert not {2, 3} & set(denoiser.levels)


def test_a_changed_setting_is_seen_at_once(viewer, denoiser, live, denoise_widget, add, noisy):
    add(noisy)
    live()
    count = len(denoiser.levels)
    denoise_widget.quality.setCurrentText("best")
    denoise_widget.quality.activated.emit(1)
    live.settle()
    assert len(denoiser.levels) == count + 1


def test_references_are_applied_to_what_is_shown(
    viewer, denoiser, live, denoise_widget, add, noisy, tmp_path
):
    add(noisy)
    np.save(tmp_path / "dark.npy", np.full(noisy.shape, 3.0))
    live()
    before = preview_of(viewer).data.copy()
    denoise_widget.dark.choose(str(tmp_path / "dark.npy"))
    live.settle()
    np.testing.assert_allclose(preview_of(viewer).data, before - 3)


def test_of_a_large_image_the_visible_part_is_denoised(viewer, denoiser, live, add):
    add(BIG, name="big")
    viewer.canvas.size = (100, 100)
    viewer.scene.camera.center = (0.0, 600 * 0.0061, 700 * 0.0061)
    viewer.scene.camera.zoom = 1 / 0.0061
    live()
    preview = preview_of(viewer)
    assert max(preview.data.shape) <= LARGEST
    corner = np.rint(viewer.layers["big"].world_to_data(preview.data_to_world((0, 0)))).astype(int)
    there = tuple(slice(c, c + n) for c, n in zip(corner, preview.data.shape, strict=True))
    np.testing.assert_allclose(preview.data, BIG[there] + 100)
    viewer.scene.camera.center = (0.0, 200 * 0.0061, 300 * 0.0061)
    live.settle()
    assert not np.array_equal(preview.data, BIG[there] + 100)


def test_switched_off_it_leaves_nothing(viewer, denoiser, live, denoise_widget, add, noisy):
    add(noisy)
    live()
    denoise_widget.live.click()
    assert preview_of(viewer) is None
    viewer.scene.camera.zoom = 3
    assert not denoise_widget.preview.busy


def test_deleting_the_preview_switches_it_off(viewer, denoiser, live, denoise_widget, add, noisy):
    add(noisy)
    live()
    viewer.layers.remove(preview_of(viewer))
    assert not denoise_widget.live.isChecked()


def test_deleting_the_image_takes_the_preview_along(viewer, denoiser, live, add, noisy):
    source = add(noisy)
    live()
    viewer.layers.remove(source)
    live.settle()
    assert not viewer.layers


def test_an_image_that_cannot_be_denoised_is_told_of_and_the_next_works(
    viewer, denoiser, live, denoise_widget, add, noisy_movie
):
    add(noisy_movie)
    denoiser.fails_at = lambda frame: frame.mean() < 1.5
    live()
    assert "no finite pixel" in denoise_widget.message.text()
    assert preview_of(viewer) is None
    viewer.dims.set_current_step(0, 2)
    live.settle()
    assert preview_of(viewer) is not None


def test_closing_the_viewer_in_the_middle_ends_it(make_napari_viewer, denoiser, until, noisy):
    denoiser.go.clear()
    viewer = make_napari_viewer()
    viewer.add_image(noisy)
    _, widget = viewer.window.add_plugin_dock_widget("napari-sbd", "Denoise")
    widget.live.click()
    until(lambda: denoiser.busy)
    viewer.close()
    until(lambda: not denoiser.busy)
