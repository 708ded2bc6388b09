"""One denoising in the viewer: the task, and the layer in which it shows."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from napari.layers import Image

from ..forms.task_widget import Progress, ShouldStop
from ..jobs.run import Run
from ..layers import micrographs as layers
from ..layers.results import put
from ..layers.view_state import frame_shown

if TYPE_CHECKING:
    import napari


class Denoising:
    """Denoises a layer into a new one; a task that shows its frames as they come.

    Parameters
    ----------
    viewer
        The viewer.
    source
        The layer.
    run
        The work.
    keep
        Whether an earlier result of the layer stays.

    Attributes
    ----------
    name
        For people.
    result
        The new layer, once its first frame is done.
    """

    def __init__(
        self, viewer: napari.viewer.Viewer, source: Image, run: Run, keep: bool = False
    ) -> None:
        self._viewer, self.run, self._keep = viewer, run, keep
        self._source: Image | None = source
        self.result: Image | None = None
        self.name = f"Denoise {source.name} ({run.settings.model}, {run.settings.quality})"
        self._fresh: deque[int] = deque()  # frames that are done and not yet shown

    def __call__(self, progress: Progress, should_stop: ShouldStop) -> Denoising:
        """Do it, in a background thread."""
        self._fresh.extend(self.run.work(progress, should_stop))
        return self

    def show(self) -> None:
        """Show, in the main thread, the frames that have been done since."""
        fresh = {self._fresh.popleft() for _ in range(len(self._fresh))}
        source = self._source
        if not fresh or source is None:
            return
        run = self.run
        if self.result is None:
            limits = layers.readable_limits(tuple(source.contrast_limits), run.limits)
            metadata = {**run.metadata, **layers.made_from(source)}
            metadata[layers.KEY] = layers.calibration_now(source, run.source)
            self.result = Image(
                run.result,
                name=f"{source.name} denoised",
                contrast_limits=limits,
                metadata=metadata,
                **layers.look_of(source),
            )
            put(self._viewer, self.result, "denoised", keep=self._keep)
        elif self._viewer.dims.ndisplay == 3 or frame_shown(self._viewer, self.result) in fresh:
            self.result.refresh()

    def end(self) -> None:
        """Show what there is, with the recipe of what was done."""
        self.show()
        if self.result is not None:
            self.result.metadata = {**self.result.metadata, **self.run.metadata}

    def look(self) -> None:
        """Go on from the frame that is looked at."""
        if self._source is not None:
            self.run.look_at(frame_shown(self._viewer, self._source))

    def lost(self, layer: object) -> bool:
        """Whether a layer that is gone was its source or its result; nothing more is shown then."""
        if layer is not self._source and layer is not self.result:
            return False
        self._source = None
        return True
