"""Prompts: where they come from, what makes them valid, how they are sampled and split.

Sources are kinds, one a module (see :mod:`poq.kinds`): each has ``Settings``, ``files(settings,
task)`` and ``read(settings, task)``, which returns :class:`poq.corpus.rows.Rows`, or checked
instances (:class:`poq.corpus.rows.Corpus`) where the source is not in the hub's layout.
"""
