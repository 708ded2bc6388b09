"""Simulated micrographs: structures, multislice exit waves, optics, detector."""
