"""Prompt templates: how a task's question and context become what a model is asked.

A template is a text file with ``$context`` and, for question answering, ``$question``
(:class:`string.Template`; the inserted text is never interpreted). A model without a chat
template first sees a worked example: the same template filled in, followed by its answer.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from string import Template
from typing import NamedTuple

from poq.errors import PoqError

EXAMPLE_KEYS = ("context", "question", "answer")


class PromptFormat(NamedTuple):
    """A task's template and its worked example."""

    template: str
    example_context: str
    example_question: str | None
    example_answer: str

    def render(self, question: str | None, context: str) -> str:
        """Return the prompt."""
        return Template(self.template).substitute(question=question or "", context=context)

    def render_with_example(self, question: str | None, context: str) -> str:
        """Return the worked example with its answer, a blank line, and the prompt."""
        example = self.render(self.example_question, self.example_context)
        return f"{example} {self.example_answer}\n\n{self.render(question, context)}"


def load_formats(
    tasks: Iterable[str], templates: Iterable[str | Path], examples: Iterable[str | Path]
) -> dict[str, PromptFormat]:
    """Read the format of each task; all three are in one order. See :func:`load_format`.

    Without any template, as in a run over logged outputs, there are no formats.
    """
    templates = list(templates)
    if not templates:
        return {}
    files = zip(tasks, templates, examples, strict=True)
    return {task: load_format(template, example, task) for task, template, example in files}


def load_format(template: str | Path, example: str | Path, task: str) -> PromptFormat:
    """Read a task's template and worked example.

    Raises:
        PoqError: the template lacks a placeholder or has an unknown one, or the example is no
            JSON object with exactly :data:`EXAMPLE_KEYS`.
    """
    text = Path(template).read_text(encoding="utf-8").rstrip("\n")
    expected = {"context", "question"} if task == "qa" else {"context"}
    found = set(Template(text).get_identifiers())
    if found != expected:
        raise PoqError(f"{template}: has placeholders {sorted(found)}; expected {sorted(expected)}")
    if not Template(text).is_valid():
        raise PoqError(f"{template}: has a '$' that begins no placeholder; write '$$' for a dollar")
    try:
        values = json.loads(Path(example).read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise PoqError(f"{example}: is not JSON: {error}") from error
    if not isinstance(values, dict) or sorted(values) != sorted(EXAMPLE_KEYS):
        raise PoqError(f"{example}: expected a JSON object with the keys {', '.join(EXAMPLE_KEYS)}")
    for key, allowed in (("context", str), ("question", str | None), ("answer", str)):
        if not isinstance(values[key], allowed):
            raise PoqError(f"{example}: {key} is {values[key]!r}; expected text")
    return PromptFormat(text, values["context"], values["question"], values["answer"])
