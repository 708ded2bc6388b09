"""A recipe written as a Python script, or as shell commands."""

from __future__ import annotations

from typing import Any

from .steps import since_the_source, steps
from .steps.commands import Commands
from .steps.script import Script


def as_python(recipe: Any) -> str:
    """Write a recipe as a script that repeats the result.

    What came from the file, such as the pixel size, and what was chosen from the data, such as the
    model, is written out, so that the script stays what it is. Other defaults are left out.

    Parameters
    ----------
    recipe
        What stands under ``"napari_sbd"`` in a result's metadata, or one entry of its history.

    Raises
    ------
    SBDError
        If it holds what this version does not know, or what a script cannot repeat.

    Examples
    --------
    >>> print(sbd.as_python(denoised.metadata["napari_sbd"]))
    import napari_sbd as sbd
    ...
    """
    script = Script()
    for step in since_the_source(steps(recipe)):
        if not step.settings.begins:
            script.take(step.source)
        step.settings.python(script)
    return str(script)


def as_command(recipe: Any) -> str:
    """Write a recipe as commands that repeat the result, one line for each step.

    Parameters
    ----------
    recipe
        What stands under ``"napari_sbd"`` in a result's metadata, or one entry of its history.

    Raises
    ------
    SBDError
        If it holds what this version does not know, or what the command line has no option for.

    Examples
    --------
    >>> sbd.write(noisy.replace(metadata={}), "noisy.tif")
    >>> result = sbd.denoise(sbd.read("noisy.tif"), model="hrtem")
    >>> print(sbd.as_command(result.metadata["napari_sbd"]))
    napari-sbd denoise ...noisy.tif -o noisy_denoised.ome.tif --pixel-size 0.03 ...
    """
    commands = Commands()
    for step in since_the_source(steps(recipe)):
        commands.take(step.source)
        commands.add(step.settings.command(commands))
    return str(commands)
