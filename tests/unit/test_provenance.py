import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from poq.provenance import PACKAGES, code_digest, digest, file_sha256, reachable_modules, stamp

Script = Callable[[str], Path]


@pytest.fixture
def script(tmp_path: Path) -> Script:
    """Write a script; every call writes another file."""

    def write(code: str) -> Path:
        path = tmp_path / f"script{len(list(tmp_path.iterdir()))}.py"
        path.write_text(code)
        return path

    return write


def test_digest_is_the_beginning_of_sha256_of_sorted_json() -> None:
    # The documented format, spelt out: keys sorted, ", " and ": " as separators, ASCII.
    text = '{"a": [1, "\\u00e9"], "b": null}'
    assert digest({"b": None, "a": [1, "é"]}) == hashlib.sha256(text.encode()).hexdigest()[:16]


def test_digest_refuses_nan() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        digest({"beta": float("nan")})


def test_file_sha256_is_the_published_value_of_abc(tmp_path: Path) -> None:
    path = tmp_path / "abc"
    path.write_bytes(b"abc")
    # FIPS 180-2, appendix B.1
    expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert file_sha256(path) == expected


def test_comments_docstrings_and_layout_do_not_count(script: Script) -> None:
    plain = script("def f(x):\n    return x + 1\n")
    dressed = script('"""Doc."""\n\n\ndef f( x ):  # add\n    """Add."""\n\n    return (x + 1)\n')
    assert code_digest(plain) == code_digest(dressed)


@pytest.mark.parametrize(
    "other",
    [
        "def f(x):\n    return x + 2\n",
        "def g(x):\n    return x + 1\n",
        "def f(x):\n    return x + 1\nf(1)\n",
    ],
)
def test_code_counts(script: Script, other: str) -> None:
    assert code_digest(script("def f(x):\n    return x + 1\n")) != code_digest(script(other))


def test_a_function_of_only_a_docstring_has_a_digest(script: Script) -> None:
    documented = script('def f():\n    """Doc."""\n')
    assert code_digest(documented) == code_digest(script("def f():\n    pass\n"))


@pytest.mark.parametrize(
    "code",
    [
        "import poq.scoring\n",
        "from poq import scoring\n",
        "from poq.scoring import score_outputs\n",
        "def f():\n    from poq.scoring import score_outputs\n",
        "import numpy, poq.scoring as s\n",
    ],
)
def test_imports_are_followed_however_they_are_written(script: Script, code: str) -> None:
    found = reachable_modules(script(code))
    # scoring imports kinds, kinds imports errors; packages are modules, too
    assert {"poq", "poq.scoring", "poq.kinds", "poq.errors", "poq.evaluators"} <= found
    assert "poq.reliability" not in found


def test_a_script_without_poq_reaches_nothing(script: Script) -> None:
    assert reachable_modules(script("import json\nimport poqish\n")) == set()


def test_kinds_that_are_loaded_by_name_count(script: Script) -> None:
    path = script("from poq.errors import PoqError\n")
    kind = "poq.evaluators.lexical"
    assert kind not in reachable_modules(path)
    assert {kind, "poq.metrics.squad"} <= reachable_modules(path, [kind])
    assert code_digest(path) != code_digest(path, [kind])


def test_stamp_says_configuration_code_seed_and_packages() -> None:
    found = stamp({"settings": {"b": 1, "a": 2}, "code": "c0de", "seed": 7})
    assert found["config_digest"] == digest({"a": 2, "b": 1})
    assert (found["code_digest"], found["seed"]) == ("c0de", "7")
    versions = json.loads(found["packages"])
    assert list(versions) == sorted(PACKAGES)
    assert versions["numpy"].startswith("2")


def test_stamp_of_a_rule_that_draws_nothing() -> None:
    found = stamp({})
    assert (found["config_digest"], found["code_digest"], found["seed"]) == (digest(None), "", "")
