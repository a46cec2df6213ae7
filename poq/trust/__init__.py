"""Trust updates, one kind a module (see :mod:`poq.kinds`, :mod:`poq.trust.base`).

The published update and updates without its weakness: under the published one every node whose
mean deviation is under 0.5 drifts to the cap, attackers too, and weights say nothing any more.
"""
