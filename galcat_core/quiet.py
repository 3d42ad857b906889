"""Standard error without what users need not read: known greetings dropped, all else passed on."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator

# TensorFlow says this while it is imported, before its log level counts.
GREETING = (
    "All log messages before absl::InitializeLog()",
    "oneDNN custom operations are on",
)


@contextlib.contextmanager
def quiet(drop: tuple[str, ...] = GREETING) -> Iterator[None]:
    """Hold back what the block's compiled code writes on standard error; drop lines with these words."""
    with tempfile.TemporaryFile() as said:
        sys.stderr.flush()
        kept = os.dup(2)
        os.dup2(said.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            said.seek(0)
            for line in said.read().decode(errors="replace").splitlines():
                if not any(words in line for words in drop):
                    os.write(2, f"{line}\n".encode())
