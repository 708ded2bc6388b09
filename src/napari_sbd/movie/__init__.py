"""Movies: drift of the scene, and neighbouring frames that help where the scene is still."""

from .correct import correct_drift
from .drift import Drift, estimate_drift
from .fusion import fused_frames

__all__ = ["Drift", "correct_drift", "estimate_drift", "fused_frames"]
