"""A network made ready for images, and the classical denoisers beside it."""
