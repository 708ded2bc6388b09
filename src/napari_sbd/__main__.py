"""Where the command line begins, so that Ctrl-C while it loads ends it with a sentence, too."""

from __future__ import annotations

import os
import signal
from typing import Any


def main() -> None:
    """Load the command line, which takes a moment, and run it."""
    before = signal.signal(signal.SIGINT, _stopped)
    from .cli import main as run

    signal.signal(signal.SIGINT, before)
    run()


def _stopped(number: int, frame: Any) -> None:
    """Nothing was begun: end at once, as an exception might be caught by what is being loaded."""
    os.write(2, b"napari-sbd: Stopped; nothing was written.\n")
    os._exit(130)


if __name__ == "__main__":
    main()
