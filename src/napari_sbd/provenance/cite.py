"""A methods paragraph for a paper, from the recipe of a result."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import SBDError
from ..micrograph import Micrograph

if TYPE_CHECKING:
    from ..series.stack import Series
    from .steps import (
        Agreement,
        Columns,
        Denoise,
        Drifting,
        Halves,
        SeriesDenoise,
        Simulation,
        Step,
        Tuning,
    )

_REFERENCES = {
    "sbd": "S. Mohan et al. Deep Denoising for Scientific Discovery: A Case Study in Electron "
    "Microscopy. arXiv:2010.12970 (2020).",
    "vincent": "J. L. Vincent, R. Manzorro, S. Mohan et al. Developing and Evaluating Deep Neural "
    "Network-Based Denoising for Nanoparticle TEM Images with Ultra-Low Signal-to-Noise. "
    "Microscopy and Microanalysis 27 (2021).",
    "gaintuning": "S. Mohan, J. L. Vincent, R. Manzorro, P. A. Crozier, C. Fernandez-Granda, E. P. "
    "Simoncelli. Adaptive Denoising via GainTuning. Advances in Neural Information Processing "
    "Systems 34 (2021), arXiv:2107.12815.",
    "series": "H. Cheng et al. Denoising diffusion weighted imaging data using convolutional "
    "neural networks. PLOS ONE 17(9):e0274396 (2022).",
    "thinning": "A. Neufeld, A. Dharamshi, L. L. Gao, D. Witten. Data Thinning for "
    "Convolution-Closed Distributions. Journal of Machine Learning Research 25 (2024) 1-35.",
    "ring": "M. van Heel. Similarity measures between images. Ultramicroscopy 21 (1987) 95-100.",
    "frc": "P. B. Rosenthal, R. Henderson. Optimal determination of particle orientation, absolute "
    "hand, and contrast loss in single-particle electron cryomicroscopy. Journal of Molecular "
    "Biology 333 (2003) 721-745.",
    "bit": "M. van Heel, M. Schatz. Fourier shell correlation threshold criteria. Journal of "
    "Structural Biology 151 (2005) 250-262.",
    "fdr": "Y. Benjamini, Y. Hochberg. Controlling the False Discovery Rate. Journal of the Royal "
    "Statistical Society B 57 (1995) 289-300.",
}
_LOSSES = {
    "thinning": "the prediction of counts that were put aside by binomial thinning",
    "sure": "Stein's unbiased risk estimate",
    "blind-spot": "the prediction of masked pixels from their neighbours",
    "resampling": "the recovery of the estimate from newly drawn noise",
}


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
    from ..recipe import KEY
    from . import halves, read_recipe
    from .contradictions import within
    from .sources import image_of
    from .steps import halves_of, steps

    kept: Any = result
    if hasattr(result, "metadata"):
        kept = result.metadata.get(KEY)
    elif not isinstance(result, dict):
        kept = read_recipe(result)
    if kept is None:
        raise SBDError("This image carries no recipe: it was not made by napari-sbd.")
    chain, text = steps(kept), _Text()
    for step in chain:
        wrong = within(step, image_of(result) if step is chain[-1] else None)
        if wrong:
            raise SBDError(
                f"The recipe was edited and cannot be cited. {' '.join(wrong)} Make the result "
                "again."
            )
        text.add(step)
    if (said := halves_of(kept)) is not None:
        if wrong := halves.within(said):
            raise SBDError(f"The recipe was edited and cannot be cited. {' '.join(wrong)}")
        text.halves(said, chain)
    return text.complete()


class _Text:
    """Sentences, and the references that they called, in the order of the calls."""

    def __init__(self) -> None:
        self.sentences: list[str] = []
        self.references: list[str] = []

    def complete(self) -> str:
        numbered = [f"[{i}] {text}" for i, text in enumerate(self.references, 1)]
        return "\n".join([" ".join(self.sentences), "", *numbered])

    def add(self, step: Step) -> None:
        from .steps import Agreement, Columns, Denoise, Drifting, SeriesDenoise, Simulation

        settings, program = step.settings, self._program(step)
        if isinstance(settings, Simulation):
            self._simulation(settings, program)
        elif isinstance(settings, Denoise):
            self._denoise(settings, program, step)
        elif isinstance(settings, Drifting):
            self._drift(settings, program)
        elif isinstance(settings, SeriesDenoise):
            self._series(settings, program, step)
        elif isinstance(settings, Columns):
            self._columns(settings, program)
        elif isinstance(settings, Agreement):
            self._agreement(settings, program)

    def _program(self, step: Step) -> str:
        version = step.versions.get("napari-sbd", "of unknown version")
        text = f"The napari-sbd developers. napari-sbd, version {version}. Software, BSD-3-Clause."
        return f"napari-sbd {version} {self._call(text)}"

    def _call(self, *references: str) -> str:
        """Numbers of references in brackets."""
        for text in references:
            if text not in self.references:
                self.references.append(text)
        return f"[{', '.join(str(self.references.index(text) + 1) for text in references)}]"

    def _named(self, *names: str) -> str:
        return self._call(*(_REFERENCES[name] for name in names))

    def _simulation(self, s: Simulation, program: str) -> None:
        how = "multislice" if s.modality == "hrtem" else "incoherent annular dark-field"
        what = "without noise" if s.part == "clean" else "with detector noise"
        dose = " in vacuum" if s.modality == "hrtem" else ""
        self.sentences.append(
            f"The micrograph is simulated ({program}, {how}, structure {s.kind}, seed {s.seed}, "
            f"{s.pixel_size:.4g} nm per pixel, {s.dose:.3g} electrons per pixel{dose}, {what})."
        )

    def _denoise(self, s: Denoise, program: str, step: Step) -> None:
        known = _versions(step)
        where = f"on {s.device}" + (f" in {s.precision}" if s.precision else "")
        movie = len(s.shape or ()) == 3
        self.sentences.append(
            f"The {'frames of the movie were' if movie else 'image was'} denoised with {program} "
            f"({', '.join([*known, where])}) by a convolutional neural network that was trained on "
            f"simulated micrographs (simulation-based denoising {self._named('sbd', 'vincent')}); "
            f"the network was {s.model!r} (SHA-256 {s.model_sha256[:12]})."
        )
        self.sentences += [_sampling(s), _dose(s)]
        if others := _neighbours(s):
            self.sentences.append(
                f"Each frame was helped by the counts of {others} neighbouring "
                f"frame{'s' if others > 1 else ''}, "
                "moved by whole pixels onto it and weighted down where the scene had changed."
            )
        if s.quality == "best":
            self.sentences.append(
                "Estimates were averaged over the eight flips and turns of the image and over "
                "shifted grids of blocks."
            )
        if s.gain_tuning is not None:
            self._tuning(s.gain_tuning)
        if s.frames is not None:
            self.sentences.append(f"Of the movie, only frames {s.frames} were denoised.")

    def _drift(self, s: Drifting, program: str) -> None:
        how = "by cubic splines" if s.interpolate else "by whole pixels"
        found = "The drift of the movie"
        if s.estimated is not None:
            found += (
                f", estimated by registering frames denoised with the network "
                f"{s.estimated.model!r} (SHA-256 {s.estimated.model_sha256[:12]}; simulation-based "
                f"denoising {self._named('sbd', 'vincent')}) on those before them,"
            )
        self.sentences.append(f"{found} was taken out {how} with {program}.")

    def _series(self, s: SeriesDenoise, program: str, step: Step) -> None:
        known = ", ".join([*_versions(step), f"on {s.device}"])
        digest = f" (SHA-256 {s.model_sha256[:12]})" if s.model_sha256 else ""
        where = "" if s.mask is False else ", within a mask,"
        self.sentences.append(
            f"The stack was denoised along its first axis{where} with {program} ({known}) by a "
            f"neural network that was trained on a low-noise acquisition (after "
            f"{self._named('series')}); the network was {s.model!r}{digest}."
        )

    def _tuning(self, t: Tuning) -> None:
        what = "One gain per channel" if t.tune == "gains" else "All weights"
        image = "this image" if t.on_this_image else "another image"
        method = f"GainTuning {self._named('gaintuning')}"
        thinned = f" {self._named('thinning')}" if t.loss == "thinning" else ""
        if not t.kept:
            fate = "Held-out counts were not predicted better, so the untuned network was used."
        else:
            fate = "Held-out counts were predicted better than by the untuned network."
        self.sentences.append(
            f"{what} of the network {'was' if t.tune == 'gains' else 'were'} tuned to {image} "
            f"({method}) by {_LOSSES.get(t.loss, t.loss)}{thinned}, "
            f"seed {t.seed}. {fate}"
        )

    def halves(self, s: Halves, chain: list[Step]) -> None:
        """What two halves of the data show."""
        agree = {"agree": "agree", "partly": "agree partly", "disagree": "disagree"}[s.verdict]
        of = "" if s.frame is None else f" of frame {s.frame}"
        text = (
            f"Images{of} that were denoised in the same way from two halves of the data, "
            f"independent of each other, {agree} (correlation of the fine structure "
            f"{s.correlation:.2f}; Fourier ring correlation {self._named('ring', 'frc', 'bit')}"
        )
        if s.resolution_px is None:
            self.sentences.append(f"{text} significant at no period).")
            return
        sizes = [step.settings.pixel_size for step in chain if hasattr(step.settings, "pixel_size")]
        finest = f"{s.resolution_px:.1f} px"
        if sizes and sizes[-1] is not None:
            size = float(np.sqrt(np.prod(np.broadcast_to(sizes[-1], 2))))
            finest = f"{s.resolution_px * size:.3g} nm"
        self.sentences.append(f"{text} significant down to {finest}).")

    def _columns(self, s: Columns, program: str) -> None:
        image = "image" if s.noisy is False else "denoised image"
        text = (
            f"Atomic columns were located in the {image} with {program} (polarity {s.polarity}, "
            f"sensitivity {s.sensitivity:g}) and fitted by two-dimensional Gaussians"
        )
        if s.noisy is not False:
            text += (
                "; each column was tested against the raw counts at a false discovery rate of 5 % "
                f"{self._named('fdr')}"
            )
        self.sentences.append(f"{text}.")

    def _agreement(self, s: Agreement, program: str) -> None:
        self.sentences.append(
            f"The agreement of the denoised image with the raw counts was tested with {program} at "
            f"a false discovery rate of 5 % {self._named('fdr')}."
        )


def _versions(step: Step) -> list[str]:
    names = {"PyTorch": "torch", "NumPy": "numpy", "Python": "python"}
    return [f"{k} {step.versions[v]}" for k, v in names.items() if v in step.versions]


def _neighbours(s: Denoise) -> int:
    """Frames that helped each one; a short movie has fewer than its window could hold."""
    window = 2 * s.neighbours
    shape = s.shape or ()
    return min(window, shape[0] - 1) if len(shape) == 3 else window


def _sampling(s: Denoise) -> str:
    summed = f"{s.block[0]} x {s.block[1]}"
    if s.pixel_size is None:
        return f"The pixel size was not known; blocks of {summed} pixels were summed."
    sizes = s.pixel_size if isinstance(s.pixel_size, tuple) else (s.pixel_size,) * 2
    fine, coarse = (
        " x ".join(dict.fromkeys(f"{p * b:.4g}" for p, b in zip(sizes, blocks, strict=True)))
        for blocks in ((1, 1), s.block)
    )
    return f"Pixels of {fine} nm were summed {summed} to a working pixel of {coarse} nm."


def _dose(s: Denoise) -> str:
    if s.dose is None or s.gain is None:
        return "The gain of the detector was not known, so no dose is given."
    return (
        f"The mean dose was {s.dose:.3g} electrons per pixel (detector gain {s.gain:.4g} and "
        f"offset {s.offset:.4g} in units of the file)."
    )
