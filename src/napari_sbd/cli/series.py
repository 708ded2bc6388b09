"""The commands for signals along the axis of a stack."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from ..errors import SBDError
from ._console import Device, out, progress, stoppable

app = typer.Typer(
    name="series",
    help="Learn signals along a stack from a low-noise acquisition, and denoise others with them.",
    no_args_is_help=True,
)

_METHODS = "local-pca, dipy-mp-pca or dipy-local-pca"
Noise = Annotated[str, typer.Option(help="auto, gaussian, rician, chi or poisson.")]
Coils = Annotated[int, typer.Option(help="Of noise chi.")]
Level = Annotated[
    float | None, typer.Option(help="Noise level in the units of the noisy stack, not estimated.")
]
Inside = Annotated[Path | None, typer.Option(help="The voxels to compare in.")]
_STACK = "NIfTI (.nii, .nii.gz, with .bval and .bvec beside it) or a stack of images."


@app.command()
def train(
    low_noise: Annotated[Path, typer.Argument(help=f"The low-noise acquisition: {_STACK}")],
    output: Annotated[Path, typer.Option("-o", "--output", help="NAME.safetensors.")],
    noisy: Annotated[
        Path | None, typer.Option(help="A noisy acquisition of the very same, voxel on voxel.")
    ] = None,
    mask: Annotated[Path | None, typer.Option(help="Voxels to learn from.")] = None,
    target: Annotated[
        Path | None, typer.Option(help="A stack to be denoised: gives the noise level.")
    ] = None,
    target_mask: Annotated[Path | None, typer.Option(help="Where the target is no air.")] = None,
    noise: Noise = "auto",
    coils: Coils = 1,
    level: Level = None,
    architecture: Annotated[
        str, typer.Option(help="auto, protocol, any-length or paper.")
    ] = "auto",
    voxel_by_voxel: Annotated[
        bool, typer.Option("--voxel-by-voxel", help="Leave the neighbourhood out.")
    ] = False,
    steps: Annotated[int, typer.Option(help="Of training.")] = 2000,
    seed: Annotated[int, typer.Option(help="Of noise, weights and order.")] = 0,
    device: Device = "auto",
) -> None:
    """Train a network on a low-noise acquisition."""
    from ..series.files import check_model_target, read_mask, read_series
    from ..series.train import train_series

    check_model_target(output)
    with progress("training") as report, stoppable() as should_stop:
        model = train_series(
            read_series(low_noise),
            read_series(noisy) if noisy else None,
            read_mask(mask) if mask else None,
            target=read_series(target) if target else None,
            target_mask=read_mask(target_mask) if target_mask else None,
            noise=noise,
            coils=coils,
            level=level,
            architecture=architecture,
            neighbours=not voxel_by_voxel,
            steps=steps,
            name=output.stem,
            device=device,
            seed=seed,
            progress=report,
            should_stop=should_stop,
        )
    path = model.save(output)
    card = model.card
    facts = ", ".join(f"{name}: {value:g}" for name, value in card.figures.items())
    out.print(f"wrote {path}  ({card.noise} noise, level {card.level:.4g}; {facts})", markup=False)


@app.command()
def denoise(
    stack: Annotated[Path, typer.Argument(help=_STACK)],
    output: Annotated[Path, typer.Option("-o", "--output", help="The result.")],
    model: Annotated[
        Path | None, typer.Option(help="NAME.safetensors of series train; has its own noise.")
    ] = None,
    method: Annotated[str | None, typer.Option(help=f"Without a reference: {_METHODS}.")] = None,
    mask: Annotated[Path | None, typer.Option(help="Other voxels stay as they are.")] = None,
    doubted: Annotated[
        Path | None,
        typer.Option(help="A file to be: 1 where the data contradict the network."),
    ] = None,
    noise: Noise = "auto",
    coils: Coils = 1,
    level: Level = None,
    device: Device = "auto",
) -> None:
    """Denoise a stack with a trained network, or without any reference."""
    import numpy as np

    from ..series.classic import pca_series
    from ..series.denoise import denoise_series
    from ..series.files import check_target, read_series, write_map, write_series

    _check_one(model, method)
    if model is not None and (noise, coils, level) != ("auto", 1, None):
        raise SBDError("A model knows the noise that it was trained for; leave that of yours out.")
    if doubted is not None and model is None:
        raise SBDError("Only a network can be doubted; give a --model, or leave --doubted out.")
    source = read_series(stack)
    for path in (output, doubted):
        if path is not None:
            check_target(path, len(source.grid))
    where = np.zeros(source.grid, bool)
    with progress(stack.name) as report, stoppable() as should_stop:
        tools: dict[str, Any] = {"progress": report, "should_stop": should_stop}
        if model is not None:
            result = denoise_series(source, model, mask, doubted=where, device=device, **tools)
        else:
            tools |= {"noise": noise, "coils": coils, "level": level}
            result = pca_series(source, mask, method=str(method), **tools)
    write_series(result, output)
    out.print(f"{stack} -> {output}", markup=False)
    if doubted is not None:
        write_map(where.astype(np.uint8), source, doubted)
        out.print(f"{where.sum()} voxels doubted -> {doubted}", markup=False)


@app.command()
def compare(
    stack: Annotated[Path, typer.Argument(help=_STACK)],
    model: Annotated[
        list[Path] | None, typer.Option(help="NAME.safetensors of series train; repeatable.")
    ] = None,
    method: Annotated[
        list[str] | None,
        typer.Option(help=f"{_METHODS}; repeatable. All that can be used, if none is given."),
    ] = None,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="A .csv file.")] = None,
    mask: Inside = None,
    noise: Noise = "auto",
    coils: Coils = 1,
    level: Level = None,
    seed: Annotated[int, typer.Option(help="Of the volumes that are put aside.")] = 0,
) -> None:
    """Rank denoisers on a noisy stack by volumes that they do not see."""
    from ..files import check_folder, writing
    from ..series.classic import methods_for
    from ..series.comparing import compare_series
    from ..series.files import read_series
    from ..series.model import load_series_model

    if output is not None:
        check_folder(output, stack)
    source = read_series(stack)
    chosen = {path.stem: load_series_model(path) for path in model or []}
    if len(chosen) < len(model or []):
        raise SBDError("Two models have the same name; rename one of them.")
    with progress(stack.name) as report, stoppable() as should_stop:
        ranked = compare_series(
            source,
            {**chosen, **{name: name for name in method or methods_for(source)}},
            mask,
            noise=noise,
            coils=coils,
            level=level,
            seed=seed,
            progress=report,
            should_stop=should_stop,
        )
    table = Table("denoiser", "error of unseen volumes [noise]", box=None, pad_edge=False)
    for name, error in ranked.items():
        table.add_row(name, f"{error:.3f}")
    out.print(table)
    if output is not None:
        from pandas import Series

        with writing(output, "table") as draft:
            Series(ranked, name="error").rename_axis("denoiser").to_csv(draft)


@app.command()
def halves(
    stack: Annotated[Path, typer.Argument(help=_STACK)],
    output: Annotated[Path, typer.Option("-o", "--output", help="The map of errors.")],
    model: Annotated[Path | None, typer.Option(help="NAME.safetensors of series train.")] = None,
    method: Annotated[str | None, typer.Option(help=f"Instead of a model: {_METHODS}.")] = None,
    mask: Inside = None,
    noise: Noise = "auto",
    coils: Coils = 1,
    level: Level = None,
    seed: Annotated[int, typer.Option(help="Of the halves.")] = 0,
) -> None:
    """Map the error that chance makes, from denoised halves of the volumes."""
    import numpy as np

    from ..series.comparing import halves_series
    from ..series.files import check_target, read_series, write_map
    from ..series.model import load_series_model

    _check_one(model, method)
    source = read_series(stack)
    check_target(output, len(source.grid))
    of: dict[str, Any] = {"noise": noise, "coils": coils, "level": level, "seed": seed}
    used = load_series_model(model) if model is not None else str(method)
    with progress(stack.name) as report, stoppable() as should_stop:
        errors = halves_series(source, used, mask, **of, progress=report, should_stop=should_stop)
    write_map(errors, source, output)
    middle = np.nanmedian(errors)
    out.print(f"{stack} -> {output}  (median error by chance: {middle:.2f} of the noise)")


def _check_one(model: Path | None, method: str | None) -> None:
    """Refuse both or neither."""
    if (model is None) == (method is None):
        raise SBDError(f"Give either a --model of series train, or a --method: {_METHODS}.")
