"""Consensus rules, one kind a module (see :mod:`poq.kinds`).

Each module has ``Settings`` and ``consensus(scores, settings)`` over arrays of shape (..., K).
"""
