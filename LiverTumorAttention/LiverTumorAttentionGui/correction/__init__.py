"""Corrections of a study in the scene: the controller, its tools, and what it writes."""
