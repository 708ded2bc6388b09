"""
A dose series
=============

How fast a film fades under the beam, pixel by pixel, from frames with few electrons.
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy.ndimage import gaussian_filter

import napari_sbd as sbd

# %%
# Two films of a phase that lasts and one that fades quickly: 32 frames of eight electrons a pixel.
# In a corner of the second one, contamination grows instead, which the reference does not show.
dose = np.linspace(0, 2.5, 32)[:, None, None]  # critical doses of the lasting phase


def film(seed, contaminated=False):
    rng = np.random.default_rng(seed)
    smooth = gaussian_filter(rng.standard_normal((2, 40, 40)), (0, 4, 4), mode="wrap")
    share, thick = 1 / (1 + np.exp(-3 * smooth / smooth.std()))
    signal = 0.3 + share * np.exp(-dose) + (1 - share) * np.exp(-4 * dose)
    if contaminated:
        signal[:, :12, :12] = 0.3 + 1.2 * (1 - np.exp(-1.5 * dose))
    return (0.7 + 0.6 * thick) * signal, share


counts = np.random.default_rng(0)
reference = counts.poisson(80 * film(1)[0])
clean, share = film(2, contaminated=True)
truth = 8 * clean
noisy = counts.poisson(truth)

# %%
# The network learns from the first film. Where the data contradict it, this is said and mapped.
model = sbd.train_series(reference, target=noisy, steps=150)
doubted = np.zeros((40, 40), bool)
denoised = sbd.denoise_series(noisy, model, doubted=doubted)
alone = sbd.pca_series(noisy, noise="poisson")

# %%
# What is left in frames 6 to 13, as a share of the first four.


def lasting(stack):
    return stack[6:14].mean(0) / np.maximum(stack[:4].mean(0), 0.5)


maps = {"raw": noisy, "local PCA": alone, "network": denoised, "truth": truth}
known = np.ones((40, 40), bool)
known[:12, :12] = False
figure, axes = plt.subplots(1, 5, figsize=(16, 3.4), layout="constrained")
for part, (name, stack) in zip(axes, maps.items(), strict=False):
    found = lasting(stack)
    error = np.sqrt(np.mean((found - lasting(truth))[known] ** 2))
    part.imshow(np.where(known, found, np.nan), vmin=0.25, vmax=0.65, cmap="viridis")
    part.set(title=f"{name} (error {error:.2f})", xticks=[], yticks=[])
axes[4].imshow(doubted, cmap="gray_r")
axes[4].set(title="in doubt", xticks=[], yticks=[])
