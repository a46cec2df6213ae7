"""Hostile texts go through every stage of the real DAG, and keys stay where they are.

One run over logged outputs, with everything that can be done with them, in an environment that
holds secrets; a judge behind a server on loopback that quotes its key in every error. What people
open afterwards is parsed as a browser would: pages, report, pictures, summary, logs.
"""

from __future__ import annotations

import base64
import json
import subprocess
from collections.abc import Iterator, Mapping
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote
from xml.etree import ElementTree

import polars as pl
import pyarrow.parquet as pq
import pytest
import yaml

from poq import figures, tables
from poq.evaluators import judge
from poq.provenance import ROOT
from poq.scoring import NOT_SAMPLED
from poq.visible import storable, visible
from tests.security import hostile
from tests.security.hostile import MARK, MODELS
from tests.tiny_models import save_language_model
from tests.unit.endpoint.fault_server import FaultServer
from tests.workflow.conftest import command, environment, prepare

pytestmark = pytest.mark.workflow

SECRETS = {
    "GRADER_KEY": "sk-canary/grader+7f3a91c0=42",
    "OPENAI_API_KEY": "sk-canary-openai~b81d44e7",
    "HF_TOKEN": "hf_canaryToken5e90cc13ab",
}
FAULTS = {"429": 0.1, "500": 0.1, "drop": 0.05, "garbage": 0.1}
RUBRIC = """$target
$output
How good is the second text for the first, from 0 to 10? Reply in JSON: {"score": number}"""
PRINTED = "\n\r"
"""Lines, and bars of progress."""
PAGES = len(figures.names()) + 4
"""Beside figures: configuration, findings, recommendations, summary."""
TAGS = {
    "html", "head", "meta", "title", "style", "body", "h1", "pre", "table", "thead", "tbody", "tr",
    "th", "td",
}  # fmt: skip


class Finished(NamedTuple):
    """A finished run: its folder, what was printed, and the server's grades by request."""

    folder: Path
    printed: str
    given: Mapping[str, int]

    @property
    def results(self) -> Path:
        return self.folder / "results" / "hostile"


def snakemake(folder: Path, *arguments: str) -> str:
    result = subprocess.run(
        command(folder, *arguments),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
        env=environment() | SECRETS,
    )
    printed = result.stdout.decode()  # as bytes: nothing is made of line ends
    assert result.returncode == 0, printed
    return printed


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """Return the run, with its report."""
    folder = prepare(tmp_path_factory.mktemp("hostile"), "../security/hostile.yaml")
    hostile.write_logs(folder)
    (folder / "short.txt").write_text(RUBRIC)
    with FaultServer(FAULTS, key=SECRETS["GRADER_KEY"]) as server:
        change(folder, lambda values: at(values, "remote-judge", server.base_url))
        printed = snakemake(folder, "--cores", "2")
        server.shutdown()
    printed += snakemake(folder, "--cores", "1", "--report", "report.html")
    assert all(server.fates[fault] > 0 for fault in FAULTS)
    return Finished(folder, printed, server.given)


def change(folder: Path, edit: Any) -> None:
    values = yaml.safe_load((folder / "config.yaml").read_text())
    edit(values)
    (folder / "config.yaml").write_text(yaml.safe_dump(values, sort_keys=False))


def at(values: Any, evaluator: str, address: str) -> None:
    values["evaluators"][evaluator]["endpoint"]["base_url"] = address


def test_logged_texts_are_data_in_every_format(finished: Finished) -> None:
    outputs = tables.read("outputs", finished.results / "outputs" / "logged.parquet")
    found = {(row["prompt_id"], row["model"]): row["output"] for row in outputs.to_dicts()}
    expected = {}
    for task in ("qa", "summarization"):
        for row in hostile.rows(task):
            kept = hostile.utf8 if task == "qa" else storable
            expected[f"{task}:{kept(row['id'])}", row["model"]] = kept(row["output"]).strip()
    expected = {key: text for key, text in expected.items() if key[1] in MODELS}
    assert found == expected
    assert max(map(len, found.values())) >= hostile.MEGABYTE


def test_names_that_would_harm_a_reader_are_refused(finished: Finished) -> None:
    outcomes = tables.read("log_rows", finished.results / "log_rows.parquet")
    dropped = dict(outcomes.filter(pl.col("outcome") != "kept").select("outcome", "rows").rows())
    assert dropped == {"model not printable": 8, "model too long": 2}
    assert set(tables.read("logged", finished.results / "logged.parquet")["model"]) == set(MODELS)


def test_every_output_has_a_score_or_a_reason(finished: Finished) -> None:
    folder = finished.results / "scores"
    scores = tables.read("scores", *sorted(folder.glob("*.parquet")))
    reasons = set(scores["missing"].drop_nulls())
    assert reasons <= {
        NOT_SAMPLED,
        "the request is longer than the model's context",
        "the answer is no JSON; it was cut off at the limit of tokens",
        "the answer is no JSON, in 1 attempts",
        "the answer is no JSON, in 3 attempts",
    }
    for evaluator in ("static-reference", "lexical-evidence"):
        assert scores.filter(evaluator=evaluator)["score"].null_count() == 0
    grades = scores.filter(evaluator="local-judge")["raw"].drop_nulls()
    assert len(grades) > 0
    assert set(grades) <= set(range(11))


def test_a_grade_is_what_the_judge_said_whatever_the_output_says(finished: Finished) -> None:
    scores = tables.read("scores", finished.results / "scores" / "remote-judge.parquet")
    outputs = tables.read("outputs", finished.results / "outputs" / "logged.parquet")
    prompts = tables.read("prompts", finished.results / "prompts.parquet")
    rows = scores.join(outputs, on=["prompt_id", "model"]).join(prompts, on="prompt_id")
    rubric = judge.load_rubric(ROOT / "resources" / "rubrics" / "grade.txt")
    graded = rows.filter(pl.col("raw").is_not_null())
    assert len(graded) > 80
    for row in graded.iter_rows(named=True):
        asked = judge.request(rubric, row["question"] or "", row["output"])
        assert row["raw"] == finished.given[asked["messages"][0]["content"]]


class Page(HTMLParser):
    """Collects tags, attributes and text of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: dict[str, str | None] = {}
        self.text = ""
        self.scripts: list[str] = []
        self.named: dict[str | None, int] = {}
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes |= dict(attrs)
        if tag == "script":
            self.named[dict(attrs).get("id")] = len(self.scripts)
            self.scripts.append("")

    def handle_data(self, data: str) -> None:
        if self.tags and self.tags[-1] == "script" and self.cdata_elem == "script":
            self.scripts[-1] += data
        else:
            self.text += data


def check_page(text: str) -> Page:
    """Check that a page holds no element, attribute or invisible character of ours."""
    page = Page(text)
    assert set(page.tags) <= TAGS
    assert page.attributes.keys() <= {"lang", "charset", "class"}
    assert {page.attributes.get("class")} <= {None, "number"}
    assert visible(text, "\n") == text
    return page


def test_pages_show_names_as_they_are_written(finished: Finished) -> None:
    pages = sorted(finished.results.rglob("*.html"))
    assert len(pages) == PAGES
    seen = {name for path in pages for name in MODELS if name in check_page(path.read_text()).text}
    assert seen == set(MODELS)


def test_the_report_holds_nothing_but_data(finished: Finished) -> None:
    report = Page((finished.folder / "report.html").read_text(encoding="utf-8"))
    assert not [tag for tag in report.tags if tag in ("img", "iframe", "object", "svg")]
    assert MARK not in report.text
    assert not [value for value in report.attributes.values() if value and MARK in value]
    results = report.scripts[report.named["results"]]
    values = json.loads(results.partition("var results = ")[2].strip().rstrip(";"))
    pages = 0
    for path, value in values.items():
        _, _, content = value["data_uri"].partition("base64,")
        if path.endswith(".html"):
            check_page(base64.b64decode(content).decode())
            pages += 1
    assert pages == PAGES
    # What a script ends with stands nowhere inside one: all of them are whole.
    assert all(MARK not in script for script in report.scripts)


def test_pictures_hold_no_script(finished: Finished) -> None:
    for path in sorted(finished.results.rglob("*.svg")):
        for element in ElementTree.parse(path).iter():  # noqa: S314
            assert str(element.tag).rpartition("}")[2] not in ("script", "foreignObject", "image")
            assert not [name for name in element.attrib if name.startswith("on")]
            links = [v for n, v in element.attrib.items() if n.endswith("href")]
            assert all(link.startswith("#") or "matplotlib.org" in link for link in links)


def test_nothing_that_is_printed_moves_a_cursor(finished: Finished) -> None:
    assert visible(finished.printed, PRINTED) == finished.printed
    for path in [finished.results / "summary.txt", *finished.results.glob("logs/**/*.log")]:
        text = path.read_text(encoding="utf-8")
        assert visible(text, "\n\t") == text, path
    # No path of a prompt or a model was followed.
    assert not (finished.folder.parents[1] / "tmp" / "owned").exists()
    names = [str(path) for path in finished.folder.rglob("*")]
    assert not [name for name in names if MARK in name or "owned" in name]


def readable(path: Path) -> Iterator[bytes]:
    """Yield a file's bytes, of a table also its contents and metadata, which are compressed."""
    yield path.read_bytes()
    if path.suffix == ".parquet":
        table = pq.read_table(path)
        yield repr(table.schema.metadata).encode()
        yield json.dumps(table.to_pylist(), ensure_ascii=True, default=str).encode()


def forms(secret: str) -> set[bytes]:
    """Return a secret as it is, URL-encoded, in JSON, and in base64 at each place in a text."""
    shifted = [base64.b64encode(before + secret.encode()) for before in (b"", b"a", b"ab")]
    inside = {text[4:-4] for text in shifted}
    return {
        secret.encode(),
        quote(secret).encode(),
        quote(secret, safe="").encode(),
        json.dumps(secret)[1:-1].encode(),
        *inside,
        *(text.replace(b"+", b"-").replace(b"/", b"_") for text in inside),
    }


def leaks(content: bytes) -> list[str]:
    return [name for name, secret in SECRETS.items() for f in forms(secret) if f in content]


def test_the_search_for_secrets_finds_them() -> None:
    for name, secret in SECRETS.items():
        for before in ("", "B", "Bearer ", "Authorization: Bearer "):
            text = f"{before}{secret}!!"
            for found in (text, quote(text), base64.b64encode(text.encode()).decode()):
                assert leaks(f"x {found} x".encode()) == leaks(found.encode())
                assert name in leaks(found.encode())


def test_no_secret_is_written_or_printed(finished: Finished) -> None:
    assert leaks(finished.printed.encode()) == []
    files = [path for path in finished.folder.rglob("*") if path.is_file()]
    kinds = {path.suffix for path in files}
    assert {".parquet", ".sqlite", ".json", ".log", ".html", ".tsv", ".yaml", ".png"} <= kinds
    assert [path for path in files if ".snakemake/metadata" in str(path)]
    kept = b"".join(path.read_bytes() for path in files if "cache/requests" in str(path))
    assert b"I would say" in kept  # the server quoted the key here
    assert b"***" in kept
    found = {str(path): leaks(content) for path in files for content in readable(path)}
    assert {path: names for path, names in found.items() if names} == {}


def test_hostile_prompts_are_put_to_nodes(tmp_path: Path) -> None:
    """A language model, a free rider and a remote node answer prompts of hostile texts."""
    folder = prepare(tmp_path, "modelless.yaml")
    hostile.write_corpus(folder)
    save_language_model(folder / "tiny")

    def edit(values: Any) -> None:
        values["tasks"]["qa"]["source"] = {"kind": "local", "path": "questions.jsonl"}
        del values["tasks"]["qa"]["sample"]
        values["model_cache"] = "models"
        values["models"] = {"tiny": {"kind": "local", "path": "tiny"}}
        endpoint = {"base_url": server.base_url, "model": "m", "api_key_variable": "GRADER_KEY"}
        values["inference_nodes"] |= {
            "tiny": {"kind": "transformers", "model": "tiny", "precision": "float32"},
            "remote": {"kind": "openai", "endpoint": {**endpoint, "backoff": 0.01, "retries": 9}},
        }

    with FaultServer(FAULTS, key=SECRETS["GRADER_KEY"]) as server:
        change(folder, edit)
        nodes = ("lead", "tiny", "remote")
        wanted = [f"results/modelless/outputs/{node}.parquet" for node in nodes]
        printed = snakemake(folder, "--cores", "2", *wanted)
        server.shutdown()
    assert visible(printed, PRINTED) == printed
    outputs = tables.read("outputs", *(folder / path for path in wanted))
    counts = dict(outputs.group_by("model").len().iter_rows())
    assert counts == dict.fromkeys(nodes, len(hostile.TEXTS) + 1)
    cut = outputs.filter(model="tiny")["input_truncated"]
    assert cut.any()
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert leaks(printed.encode()) == []
    assert [str(path) for path in files if any(map(leaks, readable(path)))] == []


def test_what_a_log_calls_its_columns_is_told_visibly(tmp_path: Path) -> None:
    """An error before the first job quotes the file."""
    folder = prepare(tmp_path, "../security/hostile.yaml")
    (folder / "short.txt").write_text(RUBRIC)
    (folder / "answers.csv").write_text("id,\x1b]0;owned\x07\u202e\n1,2\n", encoding="utf-8")
    (folder / "summaries.jsonl").write_text("{}\n")
    result = subprocess.run(
        command(folder, "--cores", "1"),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
        env=environment() | SECRETS | {"GRADER_KEY": "x"},
    )
    printed = result.stdout.decode()
    assert result.returncode == 1
    assert "found id, \\u001b]0;owned\\u0007\\u202e" in printed
    assert visible(printed, PRINTED) == printed
