"""A compute server for one site: cases of its panels and command lines, segmented in processes here or on Ray.

It is no part of a segmentation on this computer: nothing starts it but the command `serve`.
"""
