"""Quality dimensions, one kind a module (see :mod:`poq.kinds`).

Each module has ``Settings`` (its entry in the configuration) and ``measure(settings, inputs)``,
which returns one row an output with ``prompt_id``, ``model``, ``value`` in [0, 1] (1 is good, null
where it is undefined) and, besides these, one column a signal that the value is made of. An output
without a row has no value. What all modules are given and share stands in
:mod:`poq.dimensions.base`, how their columns become one table in :mod:`poq.dimensions.table`.

The five kinds (priors, structure, semantic quality, query-output alignment, agreement and
uncertainty) are those of multi-dimensional scoring (arXiv 2603.04028); its formulas are not at
hand, so those here are ours.
"""
