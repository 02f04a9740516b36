"""The training where it is installed: `liver-tumor-attention-training`, or `python -m LiverTumorAttentionTraining`.

Installed, this folder is the package LiverTumorAttentionTraining, and `training` lies below it: as a name of its own in
an environment, `training` would be anybody's. Whoever imports this package finds our `training`, in this process and in
those that it starts, before any other of that name.
"""

import sys
from pathlib import Path

_HERE = Path(__file__).resolve().parent
SOURCES = _HERE if (_HERE / "training").is_dir() else _HERE.parents[1]
"""The folder of `training`: this one, or the repository's where it is installed with --editable."""

if sys.path[0] != str(SOURCES):
    sys.path.insert(0, str(SOURCES))
