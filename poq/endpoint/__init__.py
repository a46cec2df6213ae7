"""OpenAI-compatible endpoints: what judges and remote inference nodes talk to.

:mod:`~poq.endpoint.settings` says which endpoint and how, :mod:`~poq.endpoint.client` asks it in
one :mod:`~poq.endpoint.queue`.
:mod:`~poq.endpoint.answer` and :mod:`~poq.endpoint.refusal` read what it says,
:mod:`~poq.endpoint.adaptation` keeps which parameters it does not take,
:mod:`~poq.endpoint.ledger` counts what is spent, :mod:`~poq.endpoint.transport` is HTTP, and
:mod:`~poq.endpoint.local_server` serves a model folder on loopback for as long as a job lives.
"""
