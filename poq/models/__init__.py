"""Model folders: wherever a model comes from, the rest of the workflow sees one local folder.

Sources are kinds, one a module (see :mod:`poq.kinds`): each has ``Settings`` and
``collect(settings, folder)``, which puts the source's files into an empty folder and returns what
exactly they came from. A hub repository or a local folder may hold the same weights several times;
:mod:`poq.models.selection` says which are taken. A source that may be out of reach, or be refused,
has ``access_problem(settings)``.
"""
