"""Prompts: where they come from, what makes them valid, how they are sampled and split.

Sources are kinds, one a module (see :mod:`poq.kinds`): each has ``Settings`` and
``read(settings, task)``, which returns :class:`poq.corpus.rows.Rows`.
"""
