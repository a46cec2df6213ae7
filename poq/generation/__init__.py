"""Inference nodes: generation backends, one kind a module (see :mod:`poq.kinds`).

Each backend module has ``Settings`` (a node's entry in the configuration) and ``load(settings,
serving, folder)``, which returns a :class:`poq.generation.base.Generator`.
"""
