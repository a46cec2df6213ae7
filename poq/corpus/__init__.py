"""Prompts: where they come from, what makes them valid, how they are sampled and split.

Sources are kinds, one a module (see :mod:`poq.kinds`): each has ``Settings``, ``files(settings,
task)`` and ``read(settings, task)``, which returns :class:`poq.corpus.rows.Rows`, or checked
instances (:class:`poq.corpus.rows.Corpus`) where it checks rows itself. A source whose columns may
have any name has the settings of :class:`poq.corpus.rows.RowSettings`.
"""
