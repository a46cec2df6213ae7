"""LLM judge: a language model grades each output from 0 to 10 by a rubric.

The rubric is a template with ``$target`` and ``$output``, both of which are filled in as JSON
strings (see :func:`quoted`), since neither can be trusted. The model decodes at temperature 0 into
a JSON schema that holds the score alone: a reason before it would cost many times its tokens. A
server that takes no schema is asked for a JSON object, or for none. An answer that is anything but
that JSON is asked for again, then recorded as missing: a score is never guessed from a text.
(Zheng et al., 2023, arXiv 2306.05685, single-answer grading.)
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Sequence
from pathlib import Path
from string import Template
from typing import Any, Literal

import numpy as np
from pydantic import Field

from poq.endpoint.answer import Answer, Unusable
from poq.endpoint.client import Client
from poq.endpoint.settings import EndpointSettings
from poq.errors import PoqError
from poq.evaluators.base import EvaluatorSettings, FallibleScorer, Verdicts
from poq.evaluators.scale import FixedScale, Scale
from poq.provenance import file_sha256
from poq.resources import resource
from poq.visible import escaped

LOWEST, HIGHEST = 0, 10
ANSWER_TOKENS = 16
"""Enough for the schema. A small model may go on with white space, which the schema allows, until
it is cut: what can be read whole before that is the answer all the same."""
FENCED = re.compile(r"\s*```(?:json)?\n(.*)\n```\s*", re.DOTALL)
"""A whole answer in a block of code, as models without a schema write JSON."""
RESPONSE_FORMAT = {
    "type": "json_schema",
    "json_schema": {
        "name": "grade",
        "strict": True,
        "schema": {
            "type": "object",
            "properties": {"score": {"type": "integer", "enum": list(range(LOWEST, HIGHEST + 1))}},
            "required": ["score"],
            "additionalProperties": False,
        },
    },
}
log = logging.getLogger(__name__)


class Settings(EvaluatorSettings):
    """A language model that grades outputs by a rubric."""

    kind: Literal["judge"]
    endpoint: EndpointSettings = Field(description="The server that runs the model.")
    rubric: str = Field(
        "resources/rubrics/grade.txt", description="Template with $target and $output."
    )
    max_target_characters: int | None = Field(
        None, ge=1, description="Characters of the target that the judge sees; all if left out."
    )
    max_output_characters: int | None = Field(
        None, ge=1, description="Characters of the output that the judge sees; all if left out."
    )
    max_answer_tokens: int = Field(
        ANSWER_TOKENS,
        ge=1,
        description="Tokens of an answer, reasoning included; a judge that thinks before it "
        "answers needs hundreds.",
    )
    attempts: int = Field(3, ge=1, description="Unusable answers after which the score is missing.")
    scale: Scale = Field(
        FixedScale(low=LOWEST, high=HIGHEST), description="How the grade maps to the score."
    )

    def files(self) -> list[str]:
        """Return the rubric."""
        return [self.rubric]


class JudgeScorer:
    """Asks for a grade of each pair; missing where no answer can be used."""

    def __init__(self, settings: Settings, client: Client, rubric: Template, fresh: bool) -> None:
        self.settings = settings
        self.client = client
        self.rubric = rubric
        self._fresh = fresh

    @property
    def fresh(self) -> JudgeScorer:
        """The same judge, connected, which asks anew for what the cache holds."""
        self.client.connect()
        return JudgeScorer(self.settings, self.client, self.rubric, fresh=True)

    def __call__(self, outputs: Sequence[str], targets: Sequence[str]) -> Verdicts:
        """Return the grades, in [0, 10]; see :class:`poq.evaluators.base.Scorer`.

        Of a target that the server finds too long, the judge sees the beginning.
        """
        pairs = list(zip(outputs, targets, strict=True))
        found = dict(self.client.each(self._grade, pairs, show=not self._fresh))
        grades = [found[index][0] for index in range(len(pairs))]
        if cut := sum(is_cut for _, is_cut in found.values()):
            where = self.client.where
            log.warning("%s: %d of %d targets were cut to its context", where, cut, len(pairs))
        if cut := sum(
            isinstance(grade, Unusable) and "cut off" in grade.reason for grade in grades
        ):
            log.warning(
                "%s: %d of %d answers were cut off before a grade; raise max_answer_tokens, or "
                "switch thinking off by endpoint.request, as in "
                "{chat_template_kwargs: {enable_thinking: false}}",
                self.client.where,
                cut,
                len(pairs),
            )
        missing = [grade.reason if isinstance(grade, Unusable) else None for grade in grades]
        values = [np.nan if isinstance(grade, Unusable) else grade for grade in grades]
        return Verdicts(np.array(values, dtype=np.float64), missing)

    def _grade(self, pair: tuple[str, str]) -> tuple[int | Unusable, bool]:
        """Return the grade of an output and its target, and whether the target was cut."""
        settings = self.settings
        output = pair[0][: settings.max_output_characters]
        target = pair[1][: settings.max_target_characters]
        grade, kept = self.client.fitting(
            lambda text: request(self.rubric, text, output, settings.max_answer_tokens),
            target,
            read_grade,
            attempts=settings.attempts,
            fresh=self._fresh,
        )
        return grade, not isinstance(grade, Unusable) and kept < len(target)


def load(settings: Settings, folder: Path | None, device: str) -> FallibleScorer:
    """Return the scorer; raw values are whole numbers in [0, 10].

    Raises:
        PoqError: the rubric has other placeholders, or see :class:`poq.endpoint.client.Client`.
    """
    path = resource(settings.rubric)
    rubric = load_rubric(path)
    client = Client(settings.endpoint, folder)
    log.info("judge %s, rubric %s, sha256 %s", client.where, path.name, file_sha256(path))
    return JudgeScorer(settings, client, rubric, fresh=False)


def access_problem(settings: Settings) -> str | None:
    """Return why the endpoint cannot be asked: its API key is missing; None if nothing is."""
    return settings.endpoint.key_problem()


def load_rubric(path: Path) -> Template:
    """Read a rubric.

    Raises:
        PoqError: the file is missing, or its placeholders are not $target and $output.
    """
    try:
        rubric = Template(path.read_text(encoding="utf-8").strip())
    except (OSError, UnicodeDecodeError) as error:
        raise PoqError(f"{path}: cannot be read: {error}") from error
    found = sorted(set(rubric.get_identifiers()))
    if not rubric.is_valid() or found != ["output", "target"]:
        raise PoqError(
            f"{path}: has placeholders {found}; expected $output and $target, and '$$' for a dollar"
        )
    return rubric


def request(
    rubric: Template, target: str, output: str, max_tokens: int = ANSWER_TOKENS
) -> dict[str, Any]:
    """Return the request that asks for one grade."""
    content = rubric.substitute(target=quoted(target), output=quoted(output))
    return {
        "messages": [{"role": "user", "content": content}],
        "temperature": 0,
        "seed": 0,
        "max_tokens": max_tokens,
        "response_format": RESPONSE_FORMAT,
    }


def quoted(text: str) -> str:
    """Return a text as a JSON string that no content can end or step out of.

    Quotes and control characters are escaped, as JSON has it, and so are ``<``, ``>``, ``[`` and
    ``]``, in which every chat template writes its turns (``<|im_end|>``, ``</s>``, ``[/INST]``),
    and whatever cannot be seen.
    """
    literal = json.dumps(text, ensure_ascii=False)
    return "".join(c if c.isprintable() and c not in "<>[]" else escaped(c) for c in literal)


def read_grade(answer: Answer) -> int:
    """Return the grade of an answer that is ``{"score": n}`` and nothing else.

    It may stand in a block of code that is the whole answer.

    Raises:
        ValueError: it is anything else; the message is the reason.
    """
    if not answer.content.strip():
        raise ValueError("the answer is empty")
    fenced = FENCED.fullmatch(answer.content)
    try:
        values = json.loads(fenced[1] if fenced else answer.content, object_pairs_hook=tuple)
    except (ValueError, RecursionError):
        raise ValueError("the answer is no JSON") from None
    # Objects are tuples of pairs here, in which a key that occurs twice is seen; lists are lists.
    if not (isinstance(values, tuple) and [key for key, _ in values] == ["score"]):
        raise ValueError("the answer is no JSON object with a score alone")
    grade = values[0][1]
    if type(grade) is not int or not LOWEST <= grade <= HIGHEST:
        raise ValueError(f"the grade is no whole number in [{LOWEST}, {HIGHEST}]")
    return grade
