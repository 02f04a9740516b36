"""The panel of the module Liver Tumor Attention, and what it does in the scene.

Computations run in a child process (`process/child.py`); nothing here imports torch. The library is beside the module
once installed and above it in a checkout, where Slicer does not look for it.
"""

from LiverTumorAttentionGui.process.child import add_library_to_path

add_library_to_path()
