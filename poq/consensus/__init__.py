"""Consensus rules, one kind a module (see :mod:`poq.kinds`).

Each module has ``Settings`` and ``consensus(scores, settings, weights)`` over arrays of shape
(..., K); ``tolerated(k, settings)``, how many of K equally trusted scores may be anything without
dragging the consensus away from the others; and what the compiled simulation needs
(:mod:`poq.consensus.base`).
"""
