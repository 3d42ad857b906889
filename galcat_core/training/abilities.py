"""What TensorFlow and Horovod can do here: `python -m galcat_core.training.abilities` prints it as JSON.

In a process of its own, since importing TensorFlow takes seconds and may fail.
"""

from __future__ import annotations

import json
import sys


def main() -> int:
    """Print versions, the devices that TensorFlow sees, and what Horovod was built with."""
    from galcat_core import backend

    backend.choose("tensorflow")
    import tensorflow as tf

    from galcat_core.training import distributed

    gpus = [
        tf.config.experimental.get_device_details(device).get("device_name", device.name)
        for device in tf.config.list_physical_devices("GPU")
    ]
    found = {"tensorflow": tf.__version__, "gpus": gpus, "cuda": tf.test.is_built_with_cuda()}
    found["horovod"] = distributed.build() if distributed.has_horovod() else None
    print(json.dumps(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
