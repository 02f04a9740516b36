"""Conversion of models that other programs trained into models of LiverTumorAttention."""
