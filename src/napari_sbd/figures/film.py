"""Movies for talks: MP4 or GIF with scale bar and time stamp."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import SBDError, listening
from ..files import with_suffix_of, writing
from ..micrograph import Micrograph
from ..micrograph.frames import as_micrograph
from ..micrograph.telling import frame_or_nan
from .panel import contrast, scale_bar_length

SUFFIXES = (".mp4", ".gif")
_SAMPLED = 8  # frames that decide about the contrast
_BAR = 0.012  # height of the scale bar over that of the image
_LETTERS = 0.045  # height of the letters over that of the image
_GIF_TICK, _GIF_RATE = 10, 50.0  # ms in which a GIF tells times; players slow down above this rate


def write_film(
    path: str | Path,
    movie: Any,
    beside: Any = None,
    *,
    frames_per_second: float = 10.0,
    progress: Callable[[float, float], None] = lambda done, total: None,
) -> Path:
    """Write a movie as others play it.

    Parameters
    ----------
    path
        ``.mp4`` (needs imageio with its ffmpeg, the extra ``film``) or ``.gif``.
    movie
        Micrograph or array (T, Y, X); it may be lazy, one frame is held at a time (of a GIF all, as
        bytes).
    beside
        Drawn to its right, as the denoised movie beside the raw one.
    frames_per_second
        Of the film, at most 50 of a GIF; the time stamp is that of the microscope.
    progress
        Called with (done, total), in frames.

    Returns
    -------
    The path.

    Raises
    ------
    SBDError
        If this is no movie, the two are of different size, the suffix is none of these, a package
        is missing, or the file cannot be written.

    Examples
    --------
    >>> import numpy as np
    >>> import napari_sbd as sbd
    >>> movie = sbd.Micrograph(np.random.default_rng(0).random((3, 64, 64)), 0.01, frame_time=0.5)
    >>> sbd.write_film("movie.gif", movie).name
    'movie.gif'
    """
    path = with_suffix_of(path, "film", SUFFIXES)
    movie, beside = as_micrograph(movie), None if beside is None else as_micrograph(beside)
    if not movie.is_movie:
        raise SBDError("A film needs a movie; this is a single image.")
    if beside is not None and beside.shape != movie.shape:
        raise SBDError(f"The movies are of different size: {movie.shape} and {beside.shape}.")
    if not 0 < frames_per_second <= 240:
        raise SBDError("The frames per second are a number above 0, at most 240.")
    pictures = _pictures([movie] if beside is None else [movie, beside], progress)
    write = _mp4
    if path.suffix.lower() == ".gif":
        write = _gif
        if frames_per_second > _GIF_RATE:
            raise SBDError(
                f"A GIF plays at most {_GIF_RATE:g} frames per second, not {frames_per_second:g}; "
                "take fewer, or write an .mp4."
            )
    with writing(path, "film") as draft:
        write(draft, pictures, frames_per_second)
    return path


def _pictures(
    movies: list[Micrograph], progress: Callable[[float, float], None]
) -> Iterator[np.ndarray]:
    """Frames as (Y, X, 3) uint8, of one contrast over the whole movie."""
    ranges = [_contrast(m) for m in movies]
    count = len(movies[0].data)
    for t in range(count):
        parts = [
            _square(_grey(frame_or_nan(m, t), *limits), movies[0])
            for m, limits in zip(movies, ranges, strict=True)
        ]
        stamp = None if movies[0].frame_time is None else t * movies[0].frame_time
        yield _labelled(np.hstack(parts), movies[0], stamp)
        progress(t + 1, count)


def _contrast(movie: Micrograph) -> tuple[float, float]:
    chosen = np.unique(np.linspace(0, len(movie.data) - 1, _SAMPLED).astype(int))
    with listening():  # of frames that cannot be read, which is said when they are drawn
        return contrast(np.stack([frame_or_nan(movie, t).astype(np.float32) for t in chosen]))


def _grey(frame: np.ndarray, low: float, high: float) -> np.ndarray:
    scaled = np.nan_to_num((frame.astype(np.float32) - low) / (high - low)).clip(0, 1)
    result: np.ndarray = (scaled * 255).round().astype(np.uint8)
    return result


def _square(grey: np.ndarray, m: Micrograph) -> np.ndarray:
    """A frame in square pixels of the size of the shorter side, as films have them."""
    from PIL import Image

    if m.pixel_size_yx is None:
        return grey
    sides = [
        round(n * s / min(m.pixel_size_yx))
        for n, s in zip(grey.shape, m.pixel_size_yx, strict=True)
    ]
    if tuple(sides) == grey.shape:
        return grey
    return np.asarray(Image.fromarray(grey).resize(sides[::-1], Image.Resampling.BICUBIC))


def _labelled(grey: np.ndarray, m: Micrograph, seconds: float | None) -> np.ndarray:
    """A picture with scale bar and time, of even height and width, as films need them."""
    from PIL import Image, ImageDraw, ImageFont

    height, width = grey.shape
    even = np.pad(grey, ((0, height % 2), (0, width % 2)), mode="edge")
    picture = Image.fromarray(even).convert("RGB")
    draw = ImageDraw.Draw(picture)
    font = ImageFont.load_default(max(10, _LETTERS * height))
    margin = 0.04 * height
    outlined: dict[str, Any] = {"font": font, "stroke_width": 1, "stroke_fill": "black"}
    if m.pixel_size_yx is not None:
        pixel = min(m.pixel_size_yx)
        length = scale_bar_length(m.shape[-1] * m.pixel_size_yx[1])
        top, right = height - margin - max(3, _BAR * height), margin + length / pixel
        draw.rectangle((margin, top, right, height - margin), fill="white", outline="black")
        draw.text((margin, top - 2), f"{length:g} nm", anchor="ls", fill="white", **outlined)
    if seconds is not None:
        words = _time(seconds, m.frame_time)
        draw.text((margin, margin), words, anchor="lt", fill="white", **outlined)
    return np.asarray(picture)


def _time(seconds: float, step: float | None) -> str:
    """The time of a frame, with digits that tell it from the next one."""
    unit, size = ("s", 1.0) if seconds < 600 else ("min", 60.0)
    places = 2 if unit == "s" else 1
    if step:
        places = max(places, 1 - math.floor(math.log10(step / size)))
    return f"{seconds / size:.{places}f} {unit}"


def _gif(path: Path, pictures: Iterator[np.ndarray], rate: float) -> None:
    from PIL import Image

    # as grey levels: the palette of colours that pillow takes by itself has six of them
    first, *others = (Image.fromarray(picture).convert("L") for picture in pictures)
    ends = [round(1000 / _GIF_TICK / rate * t) for t in range(len(others) + 2)]
    times = [_GIF_TICK * (end - start) for start, end in pairwise(ends)]
    first.save(
        path, "GIF", save_all=True, append_images=others, duration=times, loop=0, optimize=False
    )


def _mp4(path: Path, pictures: Iterator[np.ndarray], rate: float) -> None:
    try:
        from imageio_ffmpeg import write_frames
    except ImportError:
        raise SBDError(
            'An MP4 needs imageio: pip install "napari-sbd[film]"; or write a .gif.'
        ) from None
    first = next(pictures)
    height, width, _ = first.shape
    film = write_frames(
        str(path),
        (width, height),
        fps=rate,
        quality=8,
        macro_block_size=2,
        output_params=["-f", "mp4"],  # the name of the draft does not tell
    )
    film.send(None)
    try:
        for picture in (first, *pictures):
            film.send(np.ascontiguousarray(picture))
    finally:
        film.close()
