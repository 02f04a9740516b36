"""The panel of the module Liver Tumor Attention, and what it does in the scene.

Computations run in a child process (`process/child.py`); nothing here imports torch. The library is beside the module
once installed and above it in a checkout, where Slicer does not look for it.
"""

import sys

from LiverTumorAttentionGui.process.child import LIBRARY, add_library_to_path

add_library_to_path()


def unload() -> None:
    """Forget the panel's and the library's modules, so that the next import reads their files again."""
    for name in [name for name in sys.modules if name.split(".")[0] in (__name__, LIBRARY)]:
        del sys.modules[name]
