"""A folder of cases: their nodes, what is saved of them, and their segmentation in the background."""
