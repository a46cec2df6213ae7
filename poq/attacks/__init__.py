"""Attacks of malicious evaluator nodes, one kind a module (see :mod:`poq.kinds`,
:mod:`poq.attacks.base`). ``honest`` is the absence of one."""
