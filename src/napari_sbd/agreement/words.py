"""Which data judge which estimate, in words."""

BY_HALVES = "each half of the electrons judged by what was made from the other"
BY_NOISY_HALVES = "each of two noisier images judged by what was made from the other"
BY_NEIGHBOURS = "even frames judged by odd ones and the other way round"
BY_ALL = "the image judged by all counts, which it was made from"
