from pathlib import Path

import pytest
from pydantic import TypeAdapter, ValidationError

from poq import kinds
from poq.errors import PoqError

KIND = """
from typing import Literal
from poq.settings import Settings as BaseSettings


class Settings(BaseSettings):
    kind: Literal[{name!r}]
    size: int = 1
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A package with the kinds ``round`` and ``square`` and two modules that are no kinds."""
    name = f"shapes_{tmp_path.name}".replace("-", "_")
    folder = tmp_path / name
    folder.mkdir()
    (folder / "__init__.py").touch()
    for kind in ("square", "round"):
        (folder / f"{kind}.py").write_text(KIND.format(name=kind))
    (folder / "helper.py").write_text("from poq.settings import Settings\n")
    missing = "import a_module_that_is_not_there\n"
    (folder / "broken.py").write_text(missing + KIND.format(name="broken"))
    monkeypatch.syspath_prepend(tmp_path)
    return name


@pytest.fixture
def importable(package: str, tmp_path: Path) -> str:
    """The same package without the module that cannot be imported."""
    (tmp_path / package / "broken.py").unlink()
    return package


def test_names_are_the_modules_with_settings_of_their_own(importable: str) -> None:
    assert kinds.names(importable) == ["round", "square"]


@pytest.mark.parametrize(
    ("package", "some"),
    [
        ("poq.corpus", {"hub", "local", "packaged"}),
        ("poq.evaluators", {"bi_encoder", "cross_encoder", "lexical", "static_embedding"}),
        ("poq.consensus", {"mean"}),
    ],
)
def test_names_of_the_project(package: str, some: set[str]) -> None:
    assert some <= set(kinds.names(package))
    assert not {"base", "rows", "prompts"} & set(kinds.names(package))


def test_load_returns_the_module(importable: str) -> None:
    assert kinds.load(importable, "round").__name__ == f"{importable}.round"


def test_load_names_what_it_knows(importable: str) -> None:
    with pytest.raises(PoqError) as error:
        kinds.load(importable, "oval")
    assert str(error.value) == f"{importable}: unknown kind 'oval'; expected one of round, square"


def test_load_refuses_a_module_that_is_no_kind(importable: str) -> None:
    with pytest.raises(PoqError, match="unknown kind 'helper'"):
        kinds.load(importable, "helper")


def test_a_kind_lists_its_own_package_while_it_is_imported(importable: str, tmp_path: Path) -> None:
    code = f"from poq import kinds\nOTHERS = kinds.union({importable!r}, without='nested')\n"
    (tmp_path / importable / "nested.py").write_text(code + KIND.format(name="nested"))
    # It needs what "nested" defines after the union; the union does not import it: it is no kind.
    (tmp_path / importable / "user.py").write_text(f"from {importable}.nested import Settings\n")
    assert kinds.names(importable) == ["nested", "round", "square"]
    assert kinds.load(importable, "nested").OTHERS is not None


def test_load_does_not_hide_a_missing_dependency(package: str) -> None:
    with pytest.raises(ModuleNotFoundError, match="a_module_that_is_not_there"):
        kinds.load(package, "broken")


def test_settings_are_those_of_the_kind(importable: str) -> None:
    found = kinds.settings(importable, {"kind": "square", "size": 3})
    assert (type(found).__module__, found.size) == (f"{importable}.square", 3)


@pytest.mark.parametrize(
    ("name", "value"), [("colour", "red"), ("size", float("nan")), ("size", 1.5)]
)
def test_settings_refuse_unknown_keys_and_wrong_values(
    importable: str, name: str, value: object
) -> None:
    with pytest.raises(ValidationError, match=name):
        kinds.settings(importable, {"kind": "square", name: value})


def test_settings_are_frozen(importable: str) -> None:
    found = kinds.settings(importable, {"kind": "square"})
    with pytest.raises(ValidationError, match="frozen"):
        found.size = 2


def test_union_is_told_apart_by_kind(importable: str) -> None:
    adapter = TypeAdapter(kinds.union(importable))
    assert type(adapter.validate_python({"kind": "round"})).__module__ == f"{importable}.round"
    with pytest.raises(ValidationError, match="does not match any of the expected tags"):
        adapter.validate_python({"kind": "oval"})


def test_union_of_one_kind_is_that_kind(importable: str, tmp_path: Path) -> None:
    (tmp_path / importable / "round.py").unlink()
    assert kinds.union(importable) is kinds.load(importable, "square").Settings
