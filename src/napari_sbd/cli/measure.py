"""Commands that measure: spectra, line profiles, strain, histograms."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer

from ..errors import SBDError
from ..units import number_of, with_error
from ._console import Gain, Offset, PixelSize, out, rectangle

if TYPE_CHECKING:
    from ..micrograph import Micrograph

Source = Annotated[Path, typer.Argument(metavar="IN", help="Image, or movie with --frame.")]
Table = Annotated[
    Path,
    typer.Argument(metavar="COLUMNS", help="Table that napari-sbd columns wrote, .csv or .hdf5."),
]
Frame = Annotated[int, typer.Option(help="Of a movie.")]

_FORM = "TOP:BOTTOM,LEFT:RIGHT"  # of a box


def fft(
    source: Source,
    box: Annotated[
        str | None, typer.Option(help="TOP:BOTTOM,LEFT:RIGHT in pixels; all by default.")
    ] = None,
    material: Annotated[
        str | None, typer.Option(help="A known material or a CIF file, to index against.")
    ] = None,
    known: Annotated[
        float | None, typer.Option(help="nm of the strongest spot: tells the pixel size.")
    ] = None,
    pixel_size: PixelSize = None,
    frame: Frame = 0,
) -> None:
    """Spacings of the strongest spots of a spectrum, the angle between two, their planes."""
    from ..measure.calibrate import doubt, pixel_size_from_spacing
    from ..measure.image_noise import DENOISED
    from ..measure.indexing import index_spots
    from ..measure.spectrum import angle_between, strongest
    from ..recipe import is_result
    from ..simulation.materials import material as crystal_of

    crystal = None if material is None else crystal_of(material)
    if known is not None and not 0 < known < np.inf:
        raise SBDError(f"The known spacing is a positive number of nm, not {known:g}.")
    m, image = _image(source, pixel_size, frame)
    part = None if box is None else rectangle(box, _FORM)
    spectrum, spots = strongest(image, m.pixel_size_yx, part, noisy=not is_result(m.metadata))
    for spot in spots:
        out.print(
            f"{with_error(spot.spacing, spot.spacing_err)} {spectrum.unit} at "
            f"{with_error(spot.direction, spot.direction_err)} degrees",
            markup=False,
        )
    pair = spots[:2]
    if len(pair) == 2:
        angle, error = angle_between(*pair)
        out.print(f"angle of the first two: {with_error(angle, error)} degrees", markup=False)
    if not spectrum.noisy:
        out.print(DENOISED, markup=False)
    if crystal is not None:
        if m.pixel_size_yx is None:
            raise SBDError("Indexing needs the pixel size; give --pixel-size, or --known.")
        ways = index_spots(crystal, [(s.y, s.x) for s in pair])
        for way in ways[:3]:
            zone = "" if way.zone is None else f", zone {list(way.zone)}"
            out.print(f"{material}: {' and '.join(map(str, way.planes))}{zone}", markup=False)
        if not ways:
            out.print(f"{material} has no such planes within 3 % and 2 degrees.", markup=False)
    if known is not None:
        found = pixel_size_from_spacing(
            spots[0].spacing, known, m.pixel_size_yx, spots[0].spacing_err
        )
        axes = dict.fromkeys(with_error(s, s * found.relative_err) for s in (found.y, found.x))
        out.print(
            f"pixel size {' x '.join(axes)} nm by the first spot. "
            f"{doubt(m.pixel_size_yx, found)}".strip(),
            markup=False,
        )


def kymograph(
    source: Annotated[Path, typer.Argument(metavar="IN", help="A movie.")],
    output: Annotated[
        Path, typer.Option("-o", "--output", help="NAME.csv, or a picture: .png, .pdf, .svg")
    ],
    start: Annotated[str, typer.Option(help="Y,X in pixels.")],
    end: Annotated[str, typer.Option(help="Y,X in pixels.")],
    width: Annotated[float, typer.Option(help="Over which to average [px].")] = 5.0,
    pixel_size: PixelSize = None,
) -> None:
    """Values along a line in each frame of a movie: position to the right, time downwards."""
    from ..files import check_folder, replacing
    from ..io import read
    from ..measure.kymograph import kymograph as measure

    kind = output.suffix.lower()
    if kind not in (".csv", ".png", ".pdf", ".svg"):
        raise SBDError(f"A kymograph is written as .csv, .png, .pdf or .svg, not {kind!r}.")
    check_folder(output, source)
    m = read(source)
    m = m if pixel_size is None else m.replace(pixel_size=pixel_size)
    height, across = m.pixel_size_yx or (1.0, 1.0)
    ends = _numbers(start, "start"), _numbers(end, "end")
    found = measure(m, *ends, width=width * (height * across) ** 0.5)
    with replacing(output) as draft:
        if kind == ".csv":
            found.table().to_csv(draft, index=False)
        else:
            found.figure().savefig(draft, dpi=200, format=kind[1:])
    size = f"{number_of(len(found.time), 'frame')}, {len(found.position)} positions"
    out.print(f"{source} -> {output}  ({size})", markup=False)


def profile(
    source: Source,
    output: Annotated[Path, typer.Option("-o", "--output", help="NAME.csv")],
    start: Annotated[str, typer.Option(help="Y,X in pixels.")],
    end: Annotated[str, typer.Option(help="Y,X in pixels.")],
    width: Annotated[float, typer.Option(help="Over which to average [px].")] = 5.0,
    denoised: Annotated[Path | None, typer.Option(help="Denoised file of IN.")] = None,
    dark: Annotated[bool, typer.Option("--dark", help="Minima are the peaks.")] = False,
    gain: Gain = None,
    offset: Offset = None,
    pixel_size: PixelSize = None,
    frame: Frame = 0,
) -> None:
    """Values along a line with errors, and the spacings of its peaks."""
    from ..files import check_folder, replacing
    from ..measure.peaks import find_peaks
    from ..measure.profile import line_profile
    from ..noise.as_denoised import comparable
    from ..recipe import is_result

    if output.suffix.lower() != ".csv":
        raise SBDError(f"The profile is written as .csv, not {output.suffix!r}.")
    check_folder(output, source)
    m, image = _image(source, pixel_size, frame)
    m = m.replace(gain=m.gain if gain is None else gain)
    m = m.replace(offset=m.offset if offset is None else offset)
    images = {"raw": image}
    if denoised is not None:
        made, images["denoised"] = _image(denoised, pixel_size, frame)
        if made.shape != m.shape:
            raise SBDError(f"{denoised} has another shape than {source}.")
        m = comparable(m, made, frame)
        images["raw"] = m.data
    height, across = m.pixel_size_yx or (1.0, 1.0)
    found = line_profile(
        images,
        _numbers(start, "start"),
        _numbers(end, "end"),
        width=width * (height * across) ** 0.5,
        pixel_size_yx=m.pixel_size_yx,
        gain=m.gain,
        offset=m.offset,
        noisy=not is_result(m.metadata),
    )
    with replacing(output) as draft:
        draft.write_text(f"# {found.noise}\n{found.table().to_csv(index=False)}", encoding="utf-8")
    gone = int(np.isnan(found.values["raw"]).sum())
    size = number_of(len(found.position), "value")
    size += f", {gone} of them outside of the image or its data" if gone else ""
    out.print(f"{source} -> {output}  ({size}. {found.noise})", markup=False)
    try:
        peaks = find_peaks(found, dark=dark)
    except SBDError as why:
        out.print(str(why), markup=False)
        return
    out.print(
        f"{len(peaks.position)} peaks, mean spacing {with_error(peaks.mean, peaks.mean_err)} "
        f"{peaks.unit}. {peaks.doubt}".strip(),
        markup=False,
    )
    for value, error in zip(peaks.spacing, peaks.spacing_err, strict=True):
        out.print(f"{with_error(value, error)} {peaks.unit}", markup=False)


def strain(
    source: Table,
    output: Annotated[Path, typer.Option("-o", "--output", help="NAME.csv")],
    region: Annotated[
        str | None,
        typer.Option(help="TOP:BOTTOM,LEFT:RIGHT in pixels: its columns are the reference."),
    ] = None,
) -> None:
    """Strain, rotation, spacings and displacements of columns, with errors."""
    from ..columns.export import read_columns, write_columns
    from ..files import check_folder
    from ..measure.strain import in_box, strain_table

    check_folder(output, source)
    table = read_columns(source)
    chosen = None
    if region is not None:
        chosen = in_box(table, rectangle(region, _FORM))
    found = strain_table(table, chosen)
    write_columns(found, output)
    held = found["strain_xx"].notna()
    facts = found.attrs["strain"]
    out.print(f"{source} -> {output}  ({int(held.sum())} of {len(found)} columns)", markup=False)
    for name in ("strain_xx", "strain_yy", "strain_xy", "rotation"):
        times, unit = (np.degrees(1), "degrees") if name == "rotation" else (100, "%")
        value, error = (times * found[n].median() for n in (name, f"{name}_err"))
        told = f"{name}: median {value:.3f} {unit}"
        told += f", single columns ± {error:.2g} {unit}" if np.isfinite(error) else ""
        out.print(told, markup=False)
    common = 100 * max(facts["reference_err"].values())
    out.print(f"the reference itself is known to {common:.1g} %", markup=False)


def histogram(
    source: Table,
    value: Annotated[str, typer.Option(help="Name of a column of the table.")] = "intensity",
    thresholds: Annotated[
        str | None, typer.Option(help="Numbers with commas; found by a fit when absent.")
    ] = None,
) -> None:
    """Kinds of columns between thresholds of a value."""
    from ..columns.export import read_columns
    from ..measure.histogram import split, suggest_thresholds

    table = read_columns(source)
    if not len(table):
        raise SBDError(f"{source} holds no columns of atoms.")
    if value not in table or table[value].dtype.kind not in "fiu":
        raise SBDError(f"{source} has no numbers called {value!r}; it has {', '.join(table)}.")
    values = table[value].to_numpy(float)
    at = suggest_thresholds(values) if thresholds is None else list(_numbers(thresholds, "", 0))
    out.print(f"thresholds: {', '.join(f'{t:.5g}' for t in sorted(at)) or 'none'}", markup=False)
    for number, kind in enumerate(split(values, at)[1]):
        words = f"{number}: {kind.count} column{'s' * (kind.count != 1)}"
        if kind.count:
            words += f", {with_error(kind.mean, kind.mean_err)}"
        if kind.count > 1:
            words += f", sd {kind.sd:.3g}"
        out.print(words, markup=False)


def _image(source: Path, pixel_size: float | None, frame: int) -> tuple[Micrograph, np.ndarray]:
    """A micrograph and its frame."""

    from ..io import read

    m = read(source)
    if pixel_size is not None:
        m = m.replace(pixel_size=pixel_size)
    if m.is_movie and not 0 <= frame < len(m.data):
        raise SBDError(f"{source} has frames 0 to {len(m.data) - 1}, not {frame}.")
    if frame and not m.is_movie:
        raise SBDError(f"{source} is a single image, without a frame {frame}.")
    return m, np.asarray(m.data[frame] if m.is_movie else m.data)


def _numbers(words: str, what: str, count: int = 2) -> Any:
    """Numbers with commas; a place has two."""
    try:
        values = tuple(float(part) for part in words.split(","))
    except ValueError:
        values = ()
    if not np.isfinite(values).all():
        values = ()
    if not values or (count and len(values) != count):
        form = f"The {what} of the line is Y,X" if count else "Thresholds are numbers with commas"
        raise SBDError(f"{form}, not {words!r}.")
    return values
