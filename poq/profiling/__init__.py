"""Profiling: seconds of single requests to one node, and of several at once.

What a request is differs by kind of node (:mod:`poq.profiling.generation`,
:mod:`poq.profiling.scoring`); how it is timed does not (:mod:`poq.profiling.measure`).
"""
