"""Movies: drift of the scene, and neighbouring frames that help where the scene is still."""

from .correct import correct_drift
from .denoise import denoise_movie
from .drift import Drift, estimate_drift
from .fusion import fused_frames

__all__ = ["Drift", "correct_drift", "denoise_movie", "estimate_drift", "fused_frames"]
