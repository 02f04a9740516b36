"""Contrast phases: which phase a series or a volume shows, with a confidence and the numbers behind it.

`description` and `headers` tell it from words and DICOM attributes, `levels` measures a volume, `estimate` puts both
together.
"""
