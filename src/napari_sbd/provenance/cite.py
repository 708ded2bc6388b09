"""A methods paragraph for a paper, from the recipe of a result."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from ..errors import SBDError
from ..micrograph import Micrograph

if TYPE_CHECKING:
    from ..series.stack import Series


def cite(result: str | os.PathLike[str] | Micrograph | Series | dict[str, Any]) -> str:
    """Write what a paper should say of how a result was made, with references.

    Only what the recipe says was done is mentioned. A recipe that contradicts its own image or
    model was edited, and is refused; ``rerun`` holds all of it against a repetition.

    Parameters
    ----------
    result
        A result of this package: a file, a micrograph or series with its recipe, or the recipe.

    Returns
    -------
    A paragraph, an empty line, and the numbered references.

    Raises
    ------
    SBDError
        If there is no recipe, this version does not know what it holds, or it was edited.

    Examples
    --------
    >>> print(sbd.cite(denoised))
    The micrograph is simulated (napari-sbd ...
    """
    from ..micrograph.foreign import ours
    from ..recipe import KEY
    from . import read_recipe
    from .halves import halves_of
    from .sources import image_of
    from .steps import steps
    from .steps.text import Text

    result = ours(result)
    kept: Any = result
    if hasattr(result, "metadata"):
        kept = result.metadata.get(KEY)
    elif not isinstance(result, dict):
        kept = read_recipe(result)
    if kept is None:
        raise SBDError("This image carries no recipe: it was not made by napari-sbd.")
    chain, text = steps(kept), Text()
    for step in chain:
        wrong = step.settings.contradictions(image_of(result) if step is chain[-1] else None)
        if wrong:
            raise SBDError(
                f"The recipe was edited and cannot be cited. {' '.join(wrong)} Make the result "
                "again."
            )
        text.take(step.versions)
        text.say(*(step.source.cite() if step.source else ()))
        step.settings.cite(text)
    if (said := halves_of(kept)) is not None:
        if wrong := said.contradictions():
            raise SBDError(f"The recipe was edited and cannot be cited. {' '.join(wrong)}")
        said.cite(text, getattr(chain[-1].settings, "pixel_size", None))
    return str(text)
