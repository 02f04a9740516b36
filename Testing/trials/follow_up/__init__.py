"""Pairs of lesions over two generated time points of which everything is known."""
