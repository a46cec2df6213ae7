import pytest
from pydantic import ValidationError

from poq import kinds


@pytest.mark.parametrize("kind", kinds.names("poq.trust"))
def test_trust_whose_sums_could_overflow_is_refused(kind: str) -> None:
    bound = {} if kind == "fixed_sum" else {"maximum": 1e308}
    with pytest.raises(ValidationError, match="less than or equal to 1000000"):
        kinds.settings("poq.trust", {"kind": kind, "initial": 1e308, **bound})
