"""Training of networks on simulated images: recipe, optimiser, loop."""
