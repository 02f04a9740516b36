"""Data sets: layouts, checks, splits and the preparation of cases."""
