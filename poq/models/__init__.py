"""Model folders: wherever a model comes from, the rest of the workflow sees one local folder.

Sources are kinds, one a module (see :mod:`poq.kinds`): each has ``Settings`` and
``collect(settings, folder)``, which puts the source's files into an empty folder and returns what
exactly they came from, and ``left_out(settings)``, the names of unsafe files that it does not take.
A source that may be out of reach has ``access_problem(settings)``.
"""
