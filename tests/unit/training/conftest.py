"""The tiny encoder of the evaluators' tests is what training starts from."""

from tests.unit.evaluators.conftest import encoder

__all__ = ["encoder"]
