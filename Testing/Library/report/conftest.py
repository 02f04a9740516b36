"""DICOM series to report on, as the tests of reading make them."""

from Testing.Library.io.conftest import series

__all__ = ["series"]
