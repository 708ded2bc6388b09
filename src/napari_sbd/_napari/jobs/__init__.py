"""Work in the background: the queue, one denoising under way, live mode, other processes."""
