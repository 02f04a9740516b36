"""MONAI bundles: read without running anything in them, and converted."""
