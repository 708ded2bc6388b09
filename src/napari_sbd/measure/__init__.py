"""What a microscopist reads off an image: spectra, profiles, strain, histograms, pixel sizes.

Functions take numpy arrays with the size of a pixel, and return small records with errors; window
and command line only show them.
"""
