from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
import yaml

from poq import config, tables, verify
from poq.models.folder import MANIFEST, building_folder, complete_folder, manifest_path
from poq.seal import NAME, seal_run
from tests.conftest import Frames

CURRENT = "output_file\tdate\trule\tlog-file(s)\tstatus\tplan\nx\t-\tr\tl\tok\tno update\n"


@pytest.fixture
def run(tmp_path: Path, frame: Frames, demo_config: dict[str, Any]) -> Path:
    """Return the folder of a finished run: a table, a figure, a configuration, one model."""
    folder = tmp_path / "results" / "demo"
    (folder / "figures").mkdir(parents=True)
    demo_config["model_cache"] = str(tmp_path / "models")
    (folder / "config.yaml").write_text(yaml.safe_dump(demo_config))
    cfg = config.load_file(folder / "config.yaml")
    stamp = {"seed": str(cfg.seed)}
    tables.write(frame("quality"), "quality", folder / "quality.parquet", stamp)
    (folder / "figures" / "a.svg").write_text("<svg/>")
    name, source = next(iter(cfg.models.items()))
    manifest = manifest_path(cfg.model_cache, name, source.model_dump(mode="json"))
    (building_folder(manifest) / "model.safetensors").write_bytes(b"weights")
    complete_folder(manifest, {"source": "here"})
    seal_run(folder)
    return folder


def found(run: Path) -> dict[str, str]:
    """Return file -> problem."""
    return {problem.file.name: str(problem) for problem in verify.verify(run)}


def flip(path: Path, place: int) -> None:
    content = bytearray(path.read_bytes())
    content[place] ^= 0xFF
    path.write_bytes(content)


def test_a_whole_run_has_no_problem(
    run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(CURRENT))
    assert verify.main([str(run)]) == 0
    # configuration, figure and table
    last = f"{run}: 3 files, 1 tables, 1 models; 0 problems, 0 leftovers\n"
    assert capsys.readouterr().out == last


@pytest.mark.parametrize("name", ["figures/a.svg", "quality.parquet"])
def test_a_flipped_byte_is_named_with_the_command_that_mends_it(
    name: str, run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    flip(run / name, 5)
    monkeypatch.setattr("sys.stdin", io.StringIO(CURRENT))
    assert verify.main([str(run)]) == 1
    line, last = capsys.readouterr().out.splitlines()
    assert line.startswith(f"{run / name}: sha256 is ")
    command = f"snakemake -c2 {run / name} --configfile {run}/config.yaml"
    assert line.endswith(command)
    assert f"Mend: rm -f {run / name}; " in line
    assert last.endswith("1 problems, 0 leftovers")


def test_a_missing_file_and_a_missing_seal_are_named(run: Path) -> None:
    (run / "figures" / "a.svg").unlink()
    assert "found no such file; expected" in found(run)["a.svg"]
    (run / NAME).unlink()
    assert found(run).keys() == {NAME}
    assert found(run)[NAME].endswith("expected the seal of a finished run. Mend: make resume")


def test_a_table_without_seal_is_read(run: Path) -> None:
    (run / NAME).unlink()
    flip(run / "quality.parquet", 5)
    assert "is damaged" in found(run)["quality.parquet"]


def test_another_seed_than_the_configuration_has_is_told(run: Path, frame: Frames) -> None:
    tables.write(frame("quality"), "quality", run / "quality.parquet", {"seed": "-1"})
    seal_run(run)
    assert "was made with seed -1; expected " in found(run)["quality.parquet"]


def test_a_flipped_byte_in_a_cached_model_is_named(run: Path, tmp_path: Path) -> None:
    (weights,) = (tmp_path / "models").rglob("model.safetensors")
    flip(weights, 0)
    problem = found(run)[MANIFEST]
    assert f"{weights}: sha256 is " in problem
    assert problem.endswith(f"Mend: rm -r {weights.parent}, then make resume")


def test_a_damaged_configuration_is_named_once(run: Path) -> None:
    (run / "config.yaml").write_text("run: [")
    assert found(run).keys() == {"config.yaml"}


def test_what_is_outdated_is_told_once_a_reason(run: Path) -> None:
    rows = [("a", "params changed"), ("b", "params changed"), ("c", "ok")]
    plan = CURRENT + "".join(f"{name}\t-\tr\tl\t{why}\tupdate pending\n" for name, why in rows)
    texts = [str(problem) for problem in verify.outdated(run, plan.splitlines())]
    assert texts == [
        "a: is outdated (params changed), and so are 1 others; expected no change. "
        "Mend: make resume",
        "c: is outdated (ok); expected no change. Mend: make resume",
    ]
    (nothing,) = verify.outdated(run, [])
    assert nothing.found == "gives no snakemake --summary to compare with"


def test_leftovers_are_named_and_are_no_problem(
    run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (run / ".quality.parquet.01234567.partial").touch()
    (run / ".checkpoints" / "outputs" / "lead").mkdir(parents=True)
    monkeypatch.setattr("sys.stdin", io.StringIO(CURRENT))
    assert verify.main([str(run)]) == 0
    text = capsys.readouterr().out
    assert f"rm -r {run}/.checkpoints/outputs/lead\n" in text
    assert "01234567.partial: left by a cut job" in text
    assert text.endswith("0 problems, 2 leftovers\n")
