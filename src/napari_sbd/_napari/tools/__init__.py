"""The dock widgets beside Denoise, and the one that strings them together."""
