"""Evaluators: scoring methods, one kind a module (see :mod:`poq.kinds`).

Each module has ``Settings`` (its entry in the configuration) and ``load(settings, folder,
device)``, which returns a :class:`poq.evaluators.base.Scorer`.
"""
