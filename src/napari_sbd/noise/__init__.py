"""What a detector's noise is: its level, electron counts, gain and offset, spectrum."""
