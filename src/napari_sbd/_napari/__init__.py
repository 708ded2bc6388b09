"""The napari plugin: the only rooms that know napari or Qt."""
