"""Denoisers to compare with: what a microscopist would try without a network."""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter
from skimage.restoration import denoise_nl_means, denoise_tv_chambolle, denoise_wavelet

from napari_sbd import sampling


def anscombe(counts: np.ndarray) -> np.ndarray:
    """Poisson counts to values of about unit variance (Anscombe 1948)."""
    return 2 * np.sqrt(np.maximum(counts, 0) + 3 / 8)


def inverse_anscombe(values: np.ndarray) -> np.ndarray:
    """Closed-form approximation of the exact unbiased inverse (Mäkitalo & Foi, IEEE TIP 2011)."""
    d = np.maximum(values, 2 * np.sqrt(3 / 8))
    root = np.sqrt(3 / 2)
    return d**2 / 4 + root / (4 * d) - 11 / (8 * d**2) + 5 * root / (8 * d**3) - 1 / 8


def binned(method, counts: np.ndarray, b: int) -> np.ndarray:
    """Apply a denoiser of unit Gaussian noise to stabilised sums over b x b pixels."""
    return binned_as_it_is(lambda sums: inverse_anscombe(method(anscombe(sums))), counts, b)


def bm3d(image: np.ndarray) -> np.ndarray:
    """BM3D of unit noise; needs the optional package of that name (not free for commercial use)."""
    import bm3d as package

    return package.bm3d(image, 1.0)


def wavelet(image: np.ndarray) -> np.ndarray:
    """Wavelet shrinkage of unit noise."""
    return denoise_wavelet(image, sigma=1.0, method="BayesShrink", rescale_sigma=False)


def non_local_means(image: np.ndarray) -> np.ndarray:
    """Non-local means of unit noise."""
    return denoise_nl_means(image, 5, 9, h=0.6, sigma=1.0, fast_mode=True)


def total_variation(image: np.ndarray) -> np.ndarray:
    """Total variation of unit noise."""
    return denoise_tv_chambolle(image, weight=0.7)


def blurs(counts: np.ndarray) -> list[np.ndarray]:
    """Gaussian blurs of many widths, of which the best one is reported."""
    return [gaussian_filter(counts, s) for s in (2, 3, 4, 5, 6, 8, 10, 14, 20)]


def tk_r_em(name: str) -> Callable[[np.ndarray], np.ndarray] | None:
    """A network of tk_r_em, which takes images in any unit.

    Its licence is the GPL; it is used as a program beside ours, and nothing of it is here. It needs
    TensorFlow, and the environment variable ``TK_R_EM`` with the unpacked source archive.

    Parameters
    ----------
    name
        Such as ``"hrtem"``.

    Returns
    -------
    The method, or None where one of both is missing.
    """
    folder = Path(os.environ.get("TK_R_EM", "")) / "tk_r_em" / "models" / f"sfr_{name}"
    if not folder.is_dir() or find_spec("tensorflow") is None:
        return None
    import tensorflow

    model = tensorflow.saved_model.load(str(folder))
    run = model.signatures["serving_default"]
    (entry,) = run.structured_input_signature[1]

    def restored(image: np.ndarray) -> np.ndarray:
        even = [n + n % 2 for n in image.shape]
        wide = np.pad(image, [(0, e - n) for e, n in zip(even, image.shape, strict=True)], "edge")
        given = tensorflow.constant(wide[None, ..., None].astype(np.float32))
        (result,) = run(**{entry: given}).values()
        return result.numpy()[0, : image.shape[0], : image.shape[1], 0].astype(float)

    # the table of operations belongs to the model, which must outlive them
    restored.model = model  # type: ignore[attr-defined]
    return restored


def binned_as_it_is(
    method: Callable[[np.ndarray], np.ndarray], counts: np.ndarray, b: int
) -> np.ndarray:
    """Apply a denoiser that takes any unit to sums over b x b pixels."""
    sums = sampling.bin_counts(counts, (b, b))
    return sampling.upsample(method(sums), (b, b), counts.shape)
