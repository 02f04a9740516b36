"""How many clicks a lesion takes, and how long a click: ours beside GrowCut and a plain threshold.

    python -m Testing.benchmarks.interaction --output Testing/benchmarks/results --jobs 2

Thirty generated phantoms that nothing was tuned on (seeds 300 to 329; what was chosen was chosen on seeds from 90000
on). A simulated user starts from a lesion that was missed, or from what the network made of it, and clicks in the
middle of the largest part that is wrong: at what is missing to include it, at what is too much to exclude it. The
trials of each phantom are kept, so that a run goes on where it was stopped; they are made anew when the code has
changed that they depend on.
"""
