"""Profiling: seconds of single requests to one node, at batch size 1.

What a request is differs by kind of node (:mod:`poq.profiling.generation`,
:mod:`poq.profiling.scoring`); how it is timed does not (:mod:`poq.profiling.measure`).
"""
