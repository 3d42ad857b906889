"""galcat: from survey images to galaxy morphology catalogues."""

__version__ = "0.1.0"
