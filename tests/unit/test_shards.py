from __future__ import annotations

import pytest

from poq.errors import PoqError
from poq.shards import WHOLE, Shard


def test_a_shard_is_named_by_its_number_and_their_count() -> None:
    assert Shard.parse("2-of-5") == Shard(2, 5)
    assert Shard.parse("1-of-1") == WHOLE


@pytest.mark.parametrize("text", ["0-of-2", "3-of-2", "1", "a-of-b", "1-of-0", "1-of-2\n"])
def test_other_names_are_refused(text: str) -> None:
    with pytest.raises(PoqError, match="expected a name like 2-of-5"):
        Shard.parse(text)


def test_shares() -> None:
    shards = [Shard(number, 3) for number in (1, 2, 3)]
    assert [shard.deal("abcdefgh") for shard in shards] == ["adg", "beh", "cf"]
    # ends at 8/3, 16/3 and 8, rounded down
    assert [shard.stretch("abcdefgh") for shard in shards] == ["ab", "cde", "fgh"]
    assert [shard.deal("a") for shard in shards] == ["a", "", ""]
    assert [shard.stretch("a") for shard in shards] == ["", "", "a"]
