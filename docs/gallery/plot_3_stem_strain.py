"""
STEM columns and strain
=======================

Find the columns of an annular dark-field image and measure the strain of their lattice.
"""

import matplotlib.pyplot as plt

import napari_sbd as sbd
from napari_sbd.figures.panel import panel

# %%
# A crystal edge of SrTiO3 along [001]. The detector of a STEM does not count electrons; where gain
# and offset are unknown, the noise of the image itself is used.
phantom = sbd.simulate(
    "crystal_edge", size=320, pixel_size=0.02, dose=4, seed=4, modality="stem",
    material="SrTiO3", zone=(0, 0, 1),
)  # fmt: skip
noisy = phantom.noisy
denoised = sbd.denoise(noisy, model="stem")

# %%
# Columns, then what their lattice says of each: its indices, and the strain of its surroundings
# against the mean lattice of its grain.
columns = sbd.describe_lattice(sbd.find_columns(noisy, denoised))
print(columns[["y", "x", "intensity", "strain_xx", "strain_yy"]].describe())
found = sbd.compare_columns(phantom.columns[:, :2], columns)
print(found)

# %%
# This crystal has no strain: what is seen is the error of the positions.
figure, axes = plt.subplots(1, 2, figsize=(11, 5), layout="constrained")
panel(axes[0], denoised, "denoised")
panel(axes[1], denoised, "strain along x")
points = axes[1].scatter(
    columns["x"], columns["y"], c=100 * columns["strain_xx"], s=14, cmap="coolwarm", vmin=-2, vmax=2
)
figure.colorbar(points, ax=axes[1], label="strain [%]")

# %%
# The table goes to other programs as CSV, as HDF5 in the layout of atomap, or as XYZ.
sbd.write_columns(columns, "columns.csv")
