"""Inference of nnU-Net's models as nnU-Net runs them: grid, intensities, patches, blending, labels.

Source: Isensee et al., nnU-Net: a self-configuring method for deep learning-based biomedical image segmentation,
Nature Methods 2021; what version 2 of the package does where the paper does not say. All code is this project's own.
"""
