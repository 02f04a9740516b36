"""`python -m LiverTumorAttentionLib`: the command line."""

import sys

from LiverTumorAttentionLib.cli import main

if __name__ == "__main__":
    sys.exit(main())
