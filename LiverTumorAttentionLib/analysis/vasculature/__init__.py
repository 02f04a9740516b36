"""Vessels of the liver: a first proposal, their trees, and the territories of their branches."""
