"""The tiny language model of the generation tests."""

from tests.unit.generation.conftest import tiny_model

__all__ = ["tiny_model"]
