"""Training: synthetic cohorts, samples, losses and the loop that fits the networks.

May import the whole library; nothing in the library imports it.
"""
