"""
A model of your own
===================

Train a network for a material and a microscope, and denoise with it.

To be quick, this one is far too small and sees a handful of steps; it shows the way, not a good
model. :doc:`The tutorial </tutorial-fine-tune>` does it in earnest.
"""

from pathlib import Path
from tempfile import mkdtemp

import matplotlib.pyplot as plt

import napari_sbd as sbd
from napari_sbd.figures.panel import panel
from napari_sbd.training.recipe import Recipe

# %%
# The recipe: what is simulated, for which microscope, and how long to train. The same words stand
# in a YAML file for ``napari-sbd train`` and ``napari-sbd fine-tune``.
recipe = Recipe(
    name="srtio3",
    description="SrTiO3 along [001] at 300 kV.",
    materials=("SrTiO3",),
    zones=((0, 0, 1),),
    microscope={"kilovolt": 300, "cs_um": (-15, -11), "defocus_nm": (2, 12)},
    pixel_nm=(0.031, 0.034),
    dose=(2, 40),
    waves=20,
    images=40,
    image_size=64,
    crops=(48,),
    batch=4,
    network={"widths": (8, 16), "depths": (1, 1), "non_local": 0},
    steps=20,
)

# %%
# In a script, the line that trains stands behind ``if __name__ == "__main__":``, since the
# processes that simulate read the script, too. The weights are then given to ``denoise`` like the
# name of a bundled model.
if __name__ == "__main__":
    folder = Path(mkdtemp())
    weights = sbd.train(recipe, folder, workers=1, report=print)
    noisy = sbd.simulate(
        "crystal_edge", size=256, material="SrTiO3", zone=(0, 0, 1), dose=1.5, seed=3
    ).noisy
    denoised = sbd.denoise(noisy, model=weights)
    figure, axes = plt.subplots(1, 2, figsize=(8, 4.2), layout="constrained")
    panel(axes[0], noisy, "raw")
    panel(axes[1], denoised, "after twenty steps")
