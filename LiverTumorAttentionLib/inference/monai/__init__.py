"""Inference of models that were trained with MONAI, as MONAI runs them: transforms, sliding window, way back, labels.

Source: what the package MONAI (1.4 to 1.6) does where its documentation leaves it open. All code is this project's own;
of MONAI only the networks are called.
"""
