"""
An HRTEM frame
==============

Denoise an image of Pt on CeO2, ask whether the counts support the result, and find
its atomic columns.
"""

import matplotlib.pyplot as plt

import napari_sbd as sbd
from napari_sbd.figures.panel import panel

# %%
# A frame of your own comes from ``sbd.read("frame.dm4")``. Here it is simulated, so that the truth
# is known: 1.5 electrons per pixel of 6.1 pm.
phantom = sbd.simulate(size=512, dose=1.5, seed=1)
noisy = phantom.noisy

# %%
# The general network for phase contrast. With no model given, the bundled ones compete in
# predicting held-out pixels of this image.
denoised = sbd.denoise(noisy, model="hrtem")
print(f"raw {sbd.psnr(noisy, phantom.clean):.1f} dB")
print(f"denoised {sbd.psnr(denoised, phantom.clean):.1f} dB")

figure, axes = plt.subplots(1, 3, figsize=(12, 4.2), layout="constrained")
panel(axes[0], noisy, "raw")
panel(axes[1], denoised, "denoised")
panel(axes[2], phantom.clean, "truth")

# %%
# Outside of simulations there is no truth. Do the electrons support the image?
judged = sbd.agreement(noisy, denoised)
print(judged.verdict())

# %%
# The columns: one row for each, with standard errors and what the counts say of it.
columns = sbd.find_columns(noisy, denoised)
print(columns[["y", "x", "y_err", "x_err", "supported"]].describe())

figure, axes = plt.subplots(figsize=(5.5, 5.5), layout="constrained")
panel(axes, denoised, f"{len(columns)} columns")
colours = ["tab:green" if good else "tab:red" for good in columns["supported"]]
axes.scatter(columns["x"], columns["y"], s=12, c=colours)

# %%
# Files keep pixel size, gain, offset and the recipe, from which ``sbd.cite`` writes the paragraph
# for the methods section.
sbd.write(denoised, "frame_denoised.ome.tif")
print(sbd.cite("frame_denoised.ome.tif"))
