"""Trial of the recognition of contrast phases: generated volumes of every phase, and the real ones at hand."""
