"""Micrographs, series and columns as napari layers and back; files and samples into napari."""
