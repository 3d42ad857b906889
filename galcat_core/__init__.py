"""galcat: from survey images to galaxy morphology catalogues."""

import os

__version__ = "0.1.0"

# TensorFlow tells every process which instructions it was built for; users need not read that.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
