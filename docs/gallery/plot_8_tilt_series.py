"""
A tilt series
=============

Projections of a particle at many angles with few electrons each, before they are reconstructed.
"""

import matplotlib.pyplot as plt
import numpy as np

import napari_sbd as sbd

# %%
# A particle of ellipsoids that turns around the y axis. Its projection along the beam is known in
# closed form, so the truth is exact; (tilts, Y, X).
angles = np.radians(np.linspace(-60, 60, 41))
y, x = np.indices((48, 48)) - 23.5


def tilt_series(seed):
    rng = np.random.default_rng(seed)
    projected = np.full((len(angles), 48, 48), 0.4)
    for k in range(6):
        centre = rng.uniform(-9, 9, 3) if k else np.zeros(3)
        radii = rng.uniform(2, 5, 2) if k else (18, 15)
        density = rng.uniform(0.05, 0.15) if k else 0.04
        for t, a in enumerate(angles):
            across = x - (centre[0] * np.cos(a) + centre[1] * np.sin(a))
            inside = 1 - (across / radii[0]) ** 2 - ((y - centre[2]) / radii[1]) ** 2
            projected[t] += 2 * radii[0] * density * np.sqrt(np.clip(inside, 0, None))
    return projected


counts = np.random.default_rng(0)
reference = counts.poisson(60 * tilt_series(1))
truth = 6 * tilt_series(2)
noisy = counts.poisson(truth)

# %%
# Neighbouring tilts resemble each other, and so do neighbouring pixels.
model = sbd.train_series(reference, target=noisy, steps=150)
results = {"raw": noisy, "local PCA": sbd.pca_series(noisy, noise="poisson")}
results |= {"network": sbd.denoise_series(noisy, model), "truth": truth}


def error(stack):
    return np.sqrt(np.mean((stack - truth) ** 2 / truth))


# %%
# One tilt, and one row at all tilts: the sinogram that a reconstruction starts with. What moves
# over many pixels from tilt to tilt is hardest, since no pixel holds it for long; look here first.
figure, axes = plt.subplots(2, 4, figsize=(12, 6), layout="constrained")
for (upper, lower), (name, stack) in zip(axes.T, results.items(), strict=True):
    upper.imshow(stack[20], vmin=0, vmax=truth.max(), cmap="gray")
    upper.set(title=f"{name} (error {error(stack):.2f} of the noise)", xticks=[], yticks=[])
    lower.imshow(stack[:, 24], vmin=0, vmax=truth.max(), cmap="gray", aspect="auto")
    lower.set(xticks=[], yticks=[])
axes[0, 0].set_ylabel("tilt of 0 degrees")
axes[1, 0].set_ylabel("row at all tilts")
