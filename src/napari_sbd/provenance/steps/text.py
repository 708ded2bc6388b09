"""Sentences of a methods paragraph, and the references that they call."""

from __future__ import annotations

from collections.abc import Mapping

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
    "mppca": "J. Veraart, D. S. Novikov, D. Christiaens, B. Ades-Aron, J. Sijbers, E. Fieremans. "
    "Denoising of diffusion MRI using random matrix theory. NeuroImage 142 (2016) 394-406.",
    "lpca": "J. V. Manjón, P. Coupé, L. Concha, A. Buades, D. L. Collins, M. Robles. Diffusion "
    "Weighted Image Denoising Using Overcomplete Local PCA. PLOS ONE 8(9):e73021 (2013).",
    "shrinkage": "M. Gavish, D. L. Donoho. Optimal Shrinkage of Singular Values. IEEE Transactions "
    "on Information Theory 63 (2017) 2137-2152.",
    "dipy": "E. Garyfallidis et al. Dipy, a library for the analysis of diffusion MRI data. "
    "Frontiers in Neuroinformatics 8:8 (2014).",
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


class Text:
    """Sentences, and the references that they called, in the order of the calls.

    Attributes
    ----------
    sentences
        So far.
    program
        This program, as the step that is added had it.
    versions
        Of what computed the step.
    """

    def __init__(self) -> None:
        self.sentences: list[str] = []
        self.program = ""
        self.versions: list[str] = []
        self._references: list[str] = []

    def __str__(self) -> str:
        numbered = [f"[{i}] {text}" for i, text in enumerate(self._references, 1)]
        return "\n".join([" ".join(self.sentences), "", *numbered])

    def take(self, versions: Mapping[str, str]) -> None:
        """Hear what computed the step that is said next."""
        version = versions.get("napari-sbd", "of unknown version")
        text = f"The napari-sbd developers. napari-sbd, version {version}. Software, BSD-3-Clause."
        self.program = f"napari-sbd {version} {self._call(text)}"
        names = {"PyTorch": "torch", "NumPy": "numpy", "Python": "python"}
        self.versions = [f"{k} {versions[v]}" for k, v in names.items() if v in versions]

    def say(self, *sentences: str) -> None:
        """Add sentences."""
        self.sentences += sentences

    def named(self, *names: str) -> str:
        """The numbers in brackets of references."""
        return self._call(*(_REFERENCES[name] for name in names))

    def _call(self, *references: str) -> str:
        for text in references:
            if text not in self._references:
                self._references.append(text)
        return f"[{', '.join(str(self._references.index(text) + 1) for text in references)}]"
