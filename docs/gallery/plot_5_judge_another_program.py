"""
Judge another program's result
==============================

Any denoised image can be held against the counts that it was made from, whoever made it.
"""

from functools import partial

import matplotlib.pyplot as plt
from scipy.ndimage import gaussian_filter

import napari_sbd as sbd
from napari_sbd.figures.panel import panel

# %%
# The other program is a Gaussian blur, which wipes columns out.
noisy = sbd.simulate(size=384, dose=1.5, seed=1).noisy


def blur(image):
    return gaussian_filter(image.astype(float), 8)


theirs = noisy.replace(data=blur(noisy.data))

# %%
# Files of theirs are read with ``sbd.read``; noisy and denoised must have the same pixels and the
# same units. With the program at hand as a function, the image is judged by electrons that it was
# not made from.
judged = sbd.agreement(noisy, theirs, denoiser=blur)
print(judged.verdict())

figure, axes = plt.subplots(1, 3, figsize=(12.5, 4.2), layout="constrained")
panel(axes[0], noisy, "raw")
panel(axes[1], theirs, "theirs")
shown = axes[2].imshow(judged.z, cmap="RdBu_r", vmin=-6, vmax=6)
axes[2].set_title("z: red where the data have more")
axes[2].set_axis_off()
figure.colorbar(shown, ax=axes[2])

# %%
# What was taken away should be noise. Peaks in the spectrum of the residual are lost signal.
print(sbd.residual_check(noisy, theirs).verdict())

# %%
# Which of two programs is better on this image, without knowing the truth? All are judged by the
# same electrons, which they do not see.
ours = partial(sbd.denoise, pixel_size=noisy.pixel_size, gain=1.0, model="hrtem")
print(sbd.compare(noisy, {"theirs": blur, "network": ours}).round(2).to_string())
