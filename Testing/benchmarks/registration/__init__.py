"""Registration of two phases, measured beside its peers on pairs whose true motion is known.

    python -m Testing.benchmarks.registration --scratch FOLDER [--large]

Two generators of pairs, which share no code: the library's phantoms (`phantom_pairs`), and label maps of real
abdomens, painted and moved by smooth and by sliding motions (`label_pairs`, left out where the maps are not at
hand). Five methods, each in a process of its own (`methods`): the library with the livers given; the library with
the livers found by the network, whose time is counted; elastix with its default B-spline parameter map; elastix,
tuned, near the liver; SimpleITK's B-spline near the liver. All peers were tuned on other pairs than those measured.

With --scratch the pairs and what was measured are kept: the next call goes on where this one stopped, measures anew
what other code has measured, and tries again what failed. Tables go to --output.
"""
