"""Keys of the Denoise widget; the manifest cannot bind any."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..forms.viewers import bare
from ..jobs.when_gone import when_gone
from .flip import bind_flip

if TYPE_CHECKING:
    import napari

    from .form import DenoiseForm

DENOISE, LIVE, SWIPE = "Shift-D", "Shift-L", "Shift-S"


def bind_keys(viewer: napari.viewer.Viewer, form: DenoiseForm) -> None:
    """Let keys click the buttons of a form, and B show the raw image while it is held."""
    bind_flip(viewer)
    buttons = {DENOISE: form.start, LIVE: form.live, SWIPE: form.swipe}
    for key, button in buttons.items():
        viewer.bind_key(key, lambda _viewer, b=button: b.click(), overwrite=True)
    when_gone(form, unbind_keys, bare(viewer))


def unbind_keys(viewer: napari.viewer.Viewer) -> None:
    """Free the keys of buttons that are gone."""
    for key in (DENOISE, LIVE, SWIPE):
        viewer.bind_key(key, None, overwrite=True)
