"""Model folders: wherever a model comes from, the rest of the workflow sees one local folder.

Sources are kinds, one a module (see :mod:`poq.kinds`): each has ``Settings`` and
``collect(settings, folder)``, which puts the source's files into an empty folder.
"""
