"""Networks of other programs, built from what their plans say; their weights come from models that are converted."""
