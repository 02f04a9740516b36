"""The Qt sections of the panel, one a file, and the widgets inside them."""
