"""The commands for signals along the axis of a stack."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ._console import Device, out, progress, stoppable

app = typer.Typer(
    name="series",
    help="Learn signals along a stack from a low-noise acquisition, and denoise others with them.",
    no_args_is_help=True,
)

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
    noise: Annotated[str, typer.Option(help="auto, gaussian, rician, chi or poisson.")] = "auto",
    coils: Annotated[int, typer.Option(help="Of noise chi.")] = 1,
    level: Annotated[
        float | None, typer.Option(help="Noise level in the target's units, not estimated.")
    ] = None,
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
    model: Annotated[Path, typer.Option(help="NAME.safetensors of series train.")],
    mask: Annotated[Path | None, typer.Option(help="Other voxels stay as they are.")] = None,
    device: Device = "auto",
) -> None:
    """Denoise a stack with a trained network."""
    from ..series.denoise import denoise_series
    from ..series.files import check_target, read_series, write_series

    source = read_series(stack)
    check_target(output, len(source.grid))
    with progress(stack.name) as report, stoppable() as should_stop:
        result = denoise_series(
            source, model, mask, device=device, progress=report, should_stop=should_stop
        )
    write_series(result, output)
    out.print(f"{stack} -> {output}", markup=False)
