"""The program, from any folder: python -m LiverTumorAttentionTraining COMMAND --help."""

import sys


def main() -> int:
    """Run the command line as a program."""
    from training.__main__ import main as run

    return run()


if __name__ == "__main__":
    sys.exit(main())
