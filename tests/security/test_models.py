"""Model folders that would run code, by every way that the libraries have for it.

Each would write a canary file. Real exploits are loaded by the real libraries; that they work at
all is shown where that is possible, so that a test cannot pass for a dud.
"""

from __future__ import annotations

import ast
import json
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from poq.errors import PoqError
from poq.models.fetch import fetch_model
from poq.models.folder import model_folder
from poq.provenance import ROOT
from tests.hub_server import serving, use
from tests.tiny_models import save_classifier, save_encoder, save_language_model

LOADERS = {"from_pretrained", "SentenceTransformer", "CrossEncoder"}


class Exploit:
    """Writes a file when it is unpickled."""

    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> Any:
        return Path.touch, (self.canary,)


@pytest.fixture
def canary(tmp_path: Path) -> Iterator[Path]:
    """Return a file that must not be there at the end."""
    path = tmp_path / "canary"
    yield path
    assert not path.exists(), "code of a model folder was run"


def fetch(source: dict[str, Any], tmp_path: Path) -> Path:
    manifest = tmp_path / "cache" / "m" / "poq-model.json"
    fetch_model(source, manifest)
    return model_folder(manifest)


def local(folder: Path, **more: Any) -> dict[str, Any]:
    return {"kind": "local", "path": str(folder), **more}


def save_pickle(path: Path, canary: Path) -> None:
    """Save a state dict that runs code when it is opened as torch.load once did by default."""
    import torch

    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save({"weight": torch.zeros(2), "run": Exploit(canary)}, path)


def test_the_exploit_works(tmp_path: Path) -> None:
    import torch

    save_pickle(tmp_path / "pytorch_model.bin", tmp_path / "ran")
    torch.load(tmp_path / "pytorch_model.bin", weights_only=False)
    assert (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    "name", ["pytorch_model.bin", "model.pt", "weights.pkl", "model.ckpt", "0_Dense/model.PTH"]
)
def test_a_folder_of_a_pickle_is_refused_by_its_name(
    name: str, tmp_path: Path, canary: Path
) -> None:
    source = tmp_path / "source"
    save_pickle(source / name, canary)
    (source / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(PoqError) as error:
        fetch(local(source), tmp_path)
    assert f"found pickles ({name}), which are never loaded" in str(error.value)
    assert not (tmp_path / "cache/m").exists()


@pytest.mark.parametrize("name", ["model.safetensors", "model.gguf"])
def test_a_pickle_under_a_safe_name_is_refused(name: str, tmp_path: Path, canary: Path) -> None:
    source = tmp_path / "source"
    save_pickle(source / name, canary)
    with pytest.raises(PoqError, match=f"^{name}: (is no safetensors file|begins with)"):
        fetch(local(source, keep_gguf=name.endswith("gguf")), tmp_path)


def test_beside_safe_weights_a_pickle_is_left_behind(tmp_path: Path, canary: Path) -> None:
    from transformers import AutoModelForCausalLM

    source = tmp_path / "source"
    save_language_model(source)
    save_pickle(source / "pytorch_model.bin", canary)
    (source / "tokenizer.pkl").write_bytes(pickle.dumps(Exploit(canary)))
    folder = fetch(local(source), tmp_path)
    assert not [path for path in folder.rglob("*") if path.suffix in (".bin", ".pkl")]
    AutoModelForCausalLM.from_pretrained(folder, local_files_only=True, trust_remote_code=False)


def test_a_hub_repository_of_a_pickle_is_refused_by_its_name(
    tmp_path: Path, canary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = tmp_path / "hub/models/open/model"
    save_pickle(repository / "pytorch_model.bin", canary)
    (repository / "config.json").write_text('{"model_type": "bert"}')
    with serving(tmp_path / "hub") as address:
        use(monkeypatch, address, tmp_path / "hf")
        source = {"kind": "hub", "repository": "open/model", "revision": "main"}
        with pytest.raises(PoqError, match=r"found pickles \(pytorch_model\.bin\), which"):
            fetch(source, tmp_path)
    assert not [path for path in tmp_path.rglob("*.bin") if path.parent != repository]


def test_a_hub_file_name_that_leads_out_of_the_folder_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = tmp_path / "hub/models/open/model"
    repository.mkdir(parents=True)
    (repository / "config.json").write_text("{}")
    (repository / "CLAIMED").write_text("../../outside.json")
    (tmp_path / "hub/models/outside.json").write_text('{"from": "outside"}')
    with serving(tmp_path / "hub") as address:
        use(monkeypatch, address, tmp_path / "hf")
        source = {"kind": "hub", "repository": "open/model", "revision": "main"}
        with pytest.raises(PoqError, match=r"open/model@main: cannot be fetched: .*outside"):
            fetch(source, tmp_path)
    assert [path.parent.name for path in tmp_path.rglob("outside.json")] == ["models"]


@pytest.mark.parametrize("kind", ["local", "hub"])
def test_a_wrong_checksum_is_told_and_the_right_one_taken(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from poq.provenance import file_sha256

    repository = tmp_path / "hub/models/open/model"
    save_encoder(repository)
    right = file_sha256(repository / "model.safetensors")
    hub = {"kind": "hub", "repository": "open/model", "revision": "main"}
    source = local(repository) if kind == "local" else hub
    with serving(tmp_path / "hub") as address:
        use(monkeypatch, address, tmp_path / "hf")
        for wrong in ({"model.safetensors": "0" * 64}, {"other.safetensors": right}):
            with pytest.raises(PoqError, match="sha256"):
                fetch(source | {"sha256": wrong}, tmp_path)
            assert not (tmp_path / "cache/m").exists()
        folder = fetch(source | {"sha256": {"model.safetensors": right}}, tmp_path)
    assert file_sha256(folder / "model.safetensors") == right


def own_module(folder: Path, canary: Path) -> None:
    """Put a Python file into a folder that writes the canary when it is imported."""
    code = f"from pathlib import Path\nPath({str(canary)!r}).touch()\n"
    classes = "class Model: ...\nclass Config: ...\nclass Tokenizer: ...\n"
    (folder / "modeling_own.py").write_text(code + classes)


def edit(path: Path, **values: Any) -> None:
    content = json.loads(path.read_text()) if path.exists() else {}
    path.write_text(json.dumps(content | values))


@pytest.mark.parametrize(
    ("file", "content", "named"),
    [
        ("modules.json", [{"idx": 0, "path": "", "type": "modeling_own.Model"}], "modeling_own.Mo"),
        ("modules.json", [{"idx": 0, "path": "", "type": "os.system"}], "os.system"),
        (
            "modules.json",
            [{"idx": 0, "path": "", "type": "sentence_transformers.base.model.torch"}],
            "base.model.torch",
        ),
        ("router_config.json", {"types": {"0": "modeling_own.Model"}}, "modeling_own.Model"),
        ("2_Dense/config.json", {"activation_function": "os.abort"}, "os.abort"),
        ("config.json", {"sentence_transformers": {"activation_fn": "torch.hub.x"}}, "torch.hub.x"),
        (
            "config_sentence_transformers.json",
            {"activation_fn": "torch.distributed.run.main"},
            "torch.distributed.run.main",
        ),
        ("wordembedding_config.json", {"tokenizer_class": "modeling_own.Tok"}, "modeling_own.Tok"),
    ],
)
def test_a_file_that_names_a_foreign_class_is_refused(
    file: str, content: Any, named: str, tmp_path: Path, canary: Path
) -> None:
    source = tmp_path / "source"
    save_encoder(source)
    own_module(source, canary)
    (source / file).parent.mkdir(exist_ok=True)
    (source / file).write_text(json.dumps(content))
    with pytest.raises(PoqError) as error:
        fetch(local(source), tmp_path)
    assert str(error.value).startswith(f"{file}: ")
    assert named in str(error.value)


def test_what_sentence_transformers_writes_itself_is_taken(tmp_path: Path) -> None:
    from sentence_transformers import CrossEncoder, SentenceTransformer
    from sentence_transformers.sentence_transformer import modules
    from torch.nn import Sigmoid

    save_encoder(tmp_path / "encoder")
    save_classifier(tmp_path / "classifier", [0.0])
    place: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
    encoder = SentenceTransformer(str(tmp_path / "encoder"), **place)
    encoder.append(modules.Dense(16, 8))
    encoder.save_pretrained(str(tmp_path / "bi"), create_model_card=False)
    cross = CrossEncoder(str(tmp_path / "classifier"), activation_fn=Sigmoid(), **place)
    cross.save_pretrained(str(tmp_path / "cross"), create_model_card=False)
    assert (fetch(local(tmp_path / "bi"), tmp_path) / "modules.json").exists()
    fetch(local(tmp_path / "cross"), tmp_path)


def test_code_that_a_configuration_maps_to_is_never_run(tmp_path: Path, canary: Path) -> None:
    """``auto_map``: of a known architecture it is ignored, of an unknown one it is an error."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    source = tmp_path / "source"
    save_language_model(source)
    own_module(source, canary)
    auto_map = {"AutoConfig": "modeling_own.Config", "AutoModelForCausalLM": "modeling_own.Model"}
    edit(source / "config.json", auto_map=auto_map)
    tokenizer_map = {"AutoTokenizer": ["modeling_own.Tokenizer", None]}
    edit(source / "tokenizer_config.json", auto_map=tokenizer_map)
    place: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
    # The Python file stands there, as it would not in a model folder.
    AutoModelForCausalLM.from_pretrained(source, use_safetensors=True, **place)
    AutoTokenizer.from_pretrained(source, **place)
    assert not (fetch(local(source), tmp_path) / "modeling_own.py").exists()
    edit(source / "config.json", model_type="own")
    with pytest.raises(ValueError, match="trust_remote_code"):
        AutoModelForCausalLM.from_pretrained(source, **place)


@pytest.mark.parametrize(
    "template",
    [
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ cycler.__init__.__globals__.os.system('touch ' ~ messages[0].content) }}",
        "{{ messages.append(1) }}",
    ],
)
def test_chat_templates_run_in_a_sandbox(template: str, tmp_path: Path, canary: Path) -> None:
    from jinja2.exceptions import SecurityError, UndefinedError
    from transformers import AutoTokenizer

    save_language_model(tmp_path / "source")
    (tmp_path / "source" / "chat_template.jinja").write_text(template)
    folder = fetch(local(tmp_path / "source"), tmp_path)
    tokenizer = AutoTokenizer.from_pretrained(
        folder, local_files_only=True, trust_remote_code=False
    )
    message = {"role": "user", "content": str(canary)}
    with pytest.raises((SecurityError, UndefinedError)):
        tokenizer.apply_chat_template([message], tokenize=False)


def test_every_loader_is_told_to_trust_no_code() -> None:
    """In ``poq``, every call that could run code of a model's repository says that it must not."""
    calls = [
        (path, node)
        for path in sorted((ROOT / "poq").rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and _called(node) in LOADERS
    ]
    assert len(calls) >= 8
    for path, call in calls:
        where = f"{path.relative_to(ROOT)}:{call.lineno}"
        given = {keyword.arg: keyword.value for keyword in call.keywords if keyword.arg}
        if set(given) == {"modules", "device"}:
            continue  # made of modules that are loaded already
        if any(keyword.arg is None for keyword in call.keywords):
            text = path.read_text(encoding="utf-8")
            assert '"trust_remote_code": False' in text, where
            assert '"local_files_only": True' in text, where
            continue
        for name, value in (("trust_remote_code", False), ("local_files_only", True)):
            found = given.get(name)
            assert isinstance(found, ast.Constant), where
            assert found.value is value, where


def test_nothing_opens_a_pickle() -> None:
    imported = {"pickle", "cloudpickle", "dill", "joblib", "shelve", "marshal"}
    for path in [*(ROOT / "poq").rglob("*.py"), *(ROOT / "workflow").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import | ast.ImportFrom):
                names = {alias.name for alias in node.names} | {getattr(node, "module", None)}
                assert not imported & names, path
            if isinstance(node, ast.Call):
                name = ast.unparse(node.func)
                assert name not in ("torch.load", "eval", "exec", "__import__"), path
                assert all(keyword.arg != "allow_pickle" for keyword in node.keywords), path


def _called(call: ast.Call) -> str:
    function = call.func
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
