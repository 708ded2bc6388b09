"""
A spectrum image
================

Learn from a long acquisition what energy losses look like, and map an element at a tenth of its
dose.
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy.ndimage import gaussian_filter

import napari_sbd as sbd

# %%
# Two films of titanium and manganese oxide, as (Y, X, E): a background that falls as a power, and
# two edges. One of your own comes from HyperSpy as ``signal.data``.
loss = np.linspace(400.0, 720.0, 80)  # eV


def edge(onset):
    step = 1 / (1 + np.exp(-(loss - onset) / 3))
    return step * np.exp(-np.clip(loss - onset, 0, None) / 150)


def film(seed):
    rng = np.random.default_rng(seed)
    smooth = gaussian_filter(rng.standard_normal((3, 36, 36)), (0, 4, 4), mode="wrap")
    share = 1 / (1 + np.exp(-3 * smooth / smooth.std()))[..., None]
    power = (loss / 400) ** -3.0
    return (0.6 + 0.8 * share[2]) * (
        power + 0.3 * share[0] * edge(456) + 0.25 * share[1] * edge(640)
    )


counts = np.random.default_rng(0)
reference = counts.poisson(30 * film(1))
truth = 3 * film(2)
noisy = counts.poisson(truth)

# %%
# The axis of the signals is the first one here. 150 steps are few; the default takes minutes.
low_noise, raw = (np.moveaxis(stack, -1, 0) for stack in (reference, noisy))
model = sbd.train_series(low_noise, target=raw, steps=150)
doubted = np.zeros(raw.shape[1:], bool)
denoised = np.moveaxis(sbd.denoise_series(raw, model, doubted=doubted), 0, -1)
print(f"{model.card.noise} noise; {doubted.mean():.1%} of the pixels in doubt")

# %%
# Nothing but the stack itself tells which method is closest to the truth: volumes are put aside.
ranks = sbd.compare_series(raw, {"network": model, "local PCA": "local-pca"})
for name, error in ranks.items():
    print(f"{name}: {error:.2f} of the noise")

# %%
# Manganese above the background that is measured before its edge.


def manganese(stack):
    after, before = (loss > 640) & (loss < 700), (loss > 580) & (loss < 630)
    fall = ((loss[after] / 400) ** -3.0).mean() / ((loss[before] / 400) ** -3.0).mean()
    return stack[..., after].mean(-1) - fall * stack[..., before].mean(-1)


maps = {"raw": noisy, "denoised": denoised, "truth": truth}
limits = np.percentile(manganese(truth), (1, 99))
figure, axes = plt.subplots(1, 4, figsize=(14, 3.4), layout="constrained")
for part, (name, stack) in zip(axes, maps.items(), strict=False):
    found = manganese(stack)
    error = np.sqrt(np.mean((found - manganese(truth)) ** 2)) / np.ptp(limits)
    part.imshow(found, vmin=limits[0], vmax=limits[1], cmap="viridis")
    part.set(title=f"manganese, {name} (error {error:.0%})", xticks=[], yticks=[])
axes[3].plot(loss, noisy[18, 18], ".", color="0.7", label="raw")
axes[3].plot(loss, denoised[18, 18], label="denoised")
axes[3].plot(loss, truth[18, 18], "k--", lw=1, label="truth")
axes[3].set(xlabel="energy loss [eV]", ylabel="counts", title="one pixel")
axes[3].legend()
