"""The program: `python -m LiverTumorAttentionLib` and `liver-tumor-attention`."""

import sys

from LiverTumorAttentionLib.ending import end_quietly, ignore_signals


def main() -> int:
    """Run the command line as a program, which ends quietly at a signal from its first moment to its last."""
    end_quietly()
    from LiverTumorAttentionLib.cli import main as run

    code = run()
    ignore_signals()
    return code


if __name__ == "__main__":
    sys.exit(main())
