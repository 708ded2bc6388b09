"""
An in-situ movie
================

Estimate the drift of a movie, let neighbouring frames help each other, and take the drift out.
"""

import matplotlib.pyplot as plt
import numpy as np

import napari_sbd as sbd
from napari_sbd.figures.panel import panel

# %%
# A movie of eight frames, 0.45 electrons per pixel each, that drifts by 2 and 1 pixels a frame: a
# window that moves over a larger scene. One of your own comes from ``sbd.read("movie.mrc")``,
# lazily where it is large.
scene = sbd.simulate(size=420, dose=0.45, seed=2).clean
clean = np.stack([scene.data[2 * t : 2 * t + 384, t : t + 384] for t in range(8)])
movie = sbd.Micrograph(np.random.default_rng(2).poisson(clean), scene.pixel_size, gain=1.0)

# %%
# The drift, with the standard error of each frame.
drift = sbd.estimate_drift(movie, model="hrtem")
print(drift.verdict())

figure, axes = plt.subplots(figsize=(5, 3.5), layout="constrained")
for name, found, error in zip("yx", drift.shifts.T, drift.errors.T, strict=True):
    axes.errorbar(range(8), found, error, fmt="o-", capsize=3, label=name)
axes.set(xlabel="frame", ylabel="shift [px]")
axes.legend()

# %%
# Frame by frame, and with the counts of two neighbours on each side, which are weighted down where
# the scene has changed.
single = sbd.denoise(movie, model="hrtem")
helped = sbd.denoise(movie, neighbours=2, model="hrtem")

truth = movie.replace(data=clean)
for name, result in {"single frames": single, "with neighbours": helped}.items():
    print(f"{name}: {sbd.psnr(result, truth):.1f} dB")

figure, axes = plt.subplots(1, 3, figsize=(12, 4.2), layout="constrained")
panel(axes[0], movie, "a raw frame")
panel(axes[1], single, "denoised alone")
panel(axes[2], helped, "with neighbours")

# %%
# Taken out by whole pixels, counts stay counts, and the frames may be summed.
still = sbd.correct_drift(movie, drift, edges="crop")
panel(plt.subplots(figsize=(4.5, 4.5), layout="constrained")[1], still, "drift taken out")
