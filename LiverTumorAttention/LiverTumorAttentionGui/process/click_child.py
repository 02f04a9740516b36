"""The child process that holds the network that answers clicks, run by its path: its argument is the model."""

import importlib
import os
import sys
from pathlib import Path


def main() -> int:
    """Answer on what was standard output; what anything prints there goes to standard error."""
    sys.path.insert(0, str(Path(__file__).resolve().parent))
    # The script beside this one: it is run by its path, and the panel's own package is not there.
    importlib.import_module("child").add_library_to_path()
    sys.path.pop(0)
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    from LiverTumorAttentionLib.pipeline.click_answers import answer_clicks

    return answer_clicks(sys.argv[1], sys.stdin.buffer, answers)


if __name__ == "__main__":
    sys.exit(main())
