"""Click segmentation and lesion refinement: appearance, likelihood and a random walker on a block grid."""
