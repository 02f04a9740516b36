"""Figures of trainings and scores: learning curves, lesion sizes, worst cases, surface distances, features."""
