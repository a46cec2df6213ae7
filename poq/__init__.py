"""Proof of Quality (PoQ) for decentralized LLM inference.

Pure functions over arrays and frames; nothing here knows of Snakemake. The stages of the
workflow call one function each. Where to look for what: ``docs/architecture.md``.
"""

__version__ = "0.1.0"
