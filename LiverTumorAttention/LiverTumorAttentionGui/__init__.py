"""What the module Liver Tumor Attention shows and does inside Slicer; one class a file.

The computation itself runs in a child process (`child.py`), so nothing here imports torch.
"""
