"""MRML nodes of a study: found, read, written and linked."""
