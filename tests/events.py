"""Files of electron events, coded bit by bit from the specification, in tifffile's container."""

from __future__ import annotations

import numpy as np
import tifffile

SHAPE = 32, 48
FIELDS = {
    ("exposureTime", "s"): "0.5",
    ("numberOfFrames", ""): "4",
    ("sensorPixelSize.height", "m"): "3e-11",
    ("sensorPixelSize.width", "m"): "2e-11",
    ("totalDose", "e/pixel"): "0.52",
}


def seen(count=4, events=200, seed=0):
    """(frame, event, 2) places of electrons in quarters of a pixel, one a pixel at most."""
    rng = np.random.default_rng(seed)
    pixels = [np.sort(rng.choice(SHAPE[0] * SHAPE[1], events, replace=False)) for _ in range(count)]
    places = 4 * np.stack([np.unravel_index(p, SHAPE) for p in pixels]).transpose(0, 2, 1)
    return places + rng.integers(4, size=places.shape)


def image(places, factor):
    """Electrons in pixels of a quarter, a half or the whole of the detector's."""
    counts = np.zeros((SHAPE[0] * factor, SHAPE[1] * factor), int)
    np.add.at(counts, tuple((places * factor // 4).T), 1)
    return counts


def coded(places, run=7, across=2, down=2):
    """The bits of a frame: runs without an electron, each followed by a place within the pixel."""
    bits, length, at = 0, 0, 0
    longest = 2**run - 1

    def put(value, count):
        nonlocal bits, length
        bits, length = bits | value << length, length + count

    def skip(pixels):
        while pixels >= longest:
            put(longest, run)
            pixels -= longest
        put(pixels, run)

    for y, x in places.tolist():
        pixel = (y // 4) * SHAPE[1] + x // 4
        skip(pixel - at)
        put((x % 4 * 2**across // 4) ^ 2 ** (across - 1), across)
        put((y % 4 * 2**down // 4) ^ 2 ** (down - 1), down)
        at = pixel + 1
    skip(SHAPE[0] * SHAPE[1] - at)
    return bits.to_bytes(-(-length // 64) * 8, "little")


def write_eer(path, movie=None, compression=65001, bits=(7, 2, 2), fields=FIELDS):
    movie = seen() if movie is None else movie
    items = (f'<item name="{n}" unit="{u}">{v}</item>' for (n, u), v in fields.items())
    xml = f"<metadata>{''.join(items)}</metadata>".encode()
    sizes = [(65007 + i, "I", 1, n, False) for i, n in enumerate(bits)]
    with tifffile.TiffWriter(path, bigtiff=True) as file:
        for number, places in enumerate(movie):
            tags = [(65001, 7, len(xml), xml, False)] if number == 0 else []
            file.write(
                iter([coded(places, *bits)]),
                shape=SHAPE,
                dtype=np.uint8,
                compression=8,  # tifffile writes no events; the tag is set below
                rowsperstrip=SHAPE[0],
                photometric="minisblack",
                extratags=tags + (sizes if compression == 65002 else []),
                metadata=None,
            )
    with tifffile.TiffFile(path, mode="r+b") as file:
        for page in file.pages:
            page.tags[259].overwrite(compression)
    return path
