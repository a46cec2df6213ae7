"""Generation by Hugging Face transformers from a local model folder.

Runs on CUDA if it is there, else (and with int8 always) on the CPU. Inputs are left-padded, in
batches sorted by length, one task a batch. A batch is the unit of randomness: sampling is seeded by
the run's seed and the batch's prompts, so that an interrupted run resumes to the same outputs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import groupby
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, model_validator

from poq import hardware
from poq.errors import PoqError
from poq.generation.base import Completion, FinishReason, Generator, Request, Serving, slices
from poq.provenance import digest
from poq.settings import Settings as BaseSettings

Precision = Literal["float32", "bfloat16", "float16", "int8"]


class Settings(BaseSettings):
    """A language model as it is served."""

    kind: Literal["transformers"]
    model: str = Field(description="Name of a model folder, a key of `models`.")
    precision: Precision = Field(
        "bfloat16",
        description="Number format of the weights. int8 is PyTorch's dynamic quantisation of all "
        "linear layers, on the CPU only: cheap, and hard on answers.",
    )
    temperature: float = Field(
        0.0, ge=0, description="0 decodes greedily; otherwise sampling at this temperature."
    )
    top_p: float = Field(1.0, gt=0, le=1, description="Nucleus of sampling.")

    @model_validator(mode="after")
    def _sampling(self) -> Settings:
        if self.temperature == 0 and self.top_p != 1:
            raise ValueError("expected no top_p at temperature 0, where it has no effect")
        return self


class TransformersGenerator:
    """A causal language model, its tokenizer and how it decodes."""

    def __init__(self, settings: Settings, serving: Serving, folder: Path) -> None:
        from transformers import AutoTokenizer, GenerationConfig

        self.settings = settings
        self.serving = serving
        # PyTorch has no CUDA kernels for its dynamic quantisation.
        self.device = "cpu" if settings.precision == "int8" else hardware.device()
        self.tokenizer = AutoTokenizer.from_pretrained(
            folder, local_files_only=True, trust_remote_code=False, padding_side="left"
        )
        if self.tokenizer.pad_token is None:
            self.tokenizer.pad_token = self.tokenizer.eos_token
        self.model = _load_model(folder, settings.precision, self.device)
        eos = self.model.generation_config.eos_token_id
        ends = {*(eos if isinstance(eos, list) else [eos]), self.tokenizer.eos_token_id}
        self.eos_ids = ends - {None}
        # How a node decodes stands in its settings, not in a file of its model's folder.
        self.model.generation_config = GenerationConfig(
            pad_token_id=self.tokenizer.pad_token_id, eos_token_id=sorted(self.eos_ids) or None
        )

    def batches(self, requests: Iterable[Request]) -> list[list[Request]]:
        """Return batches of one task each, longest inputs first, ties by prompt_id."""
        sized = [(request.task, -len(self._input_ids(request)[0]), request) for request in requests]
        sized.sort(key=lambda item: (item[0], item[1], item[2].prompt_id))
        return [
            batch
            for _, group in groupby(sized, key=lambda item: item[0])
            for batch in slices([request for _, _, request in group], self.batch_size)
        ]

    @property
    def batch_size(self) -> int:
        """Prompts in one batch."""
        return self.serving.settings.batch_size

    def complete(self, batch: list[Request]) -> list[Completion]:
        """Return a completion for each request of a batch of one task."""
        import torch

        (task,) = {request.task for request in batch}
        limits = self.serving.limits[task]
        inputs = [self._input_ids(request) for request in batch]
        padded = self.tokenizer.pad(
            {"input_ids": [ids for ids, _ in inputs]}, return_tensors="pt"
        ).to(self.device)
        sampling: dict[str, Any] = {"do_sample": False, "temperature": None, "top_p": None}
        seed = None
        if self.settings.temperature > 0:
            prompt_ids = [request.prompt_id for request in batch]
            seed = int(digest([self.serving.seed, prompt_ids])[:8], 16)
            torch.manual_seed(seed)
            sampling = {
                "do_sample": True,
                "temperature": self.settings.temperature,
                "top_p": self.settings.top_p,
            }
        width = padded["input_ids"].shape[1]
        with torch.inference_mode():
            sequences = self.model.generate(
                **padded,
                max_new_tokens=limits.max_output_tokens,
                eos_token_id=sorted(self.eos_ids) or None,
                stopping_criteria=[self._stopping(width, limits.stop)] if limits.stop else None,
                top_k=None,
                **sampling,
            )
        generated = sequences[:, width:].tolist()
        return [
            self._completion(ids, input_ids, truncated, limits.stop, seed)
            for ids, (input_ids, truncated) in zip(generated, inputs, strict=True)
        ]

    def _completion(
        self,
        ids: list[int],
        input_ids: list[int],
        truncated: bool,
        stop: tuple[str, ...],
        seed: int | None,
    ) -> Completion:
        end = next((i for i, token in enumerate(ids) if token in self.eos_ids), None)
        if end is not None:
            ids = ids[: end + 1]
        text = self._text(ids)
        cut = min((text.find(s) for s in stop if s in text), default=None)
        reason: FinishReason = "length" if end is None else "eos"
        if cut is not None:
            # After a stop string the row was only padded while others of its batch went on.
            kept = next(n for n in range(1, len(ids) + 1) if self._stops(ids[:n], stop))
            text, reason, ids = text[:cut], "stop", ids[:kept]
        return Completion(text.strip(), len(input_ids), len(ids), truncated, reason, seed)

    def _stopping(self, width: int, stop: tuple[str, ...]) -> Callable[..., Any]:
        """Return a criterion that ends each row at its first stop string.

        Decoding a few dozen tokens at each step costs next to nothing; the ``stop_strings`` of
        transformers read the whole vocabulary in every call, seconds for 262,144 tokens.
        """
        import torch

        def stopped(sequences: torch.Tensor, scores: Any, **_: Any) -> torch.Tensor:
            rows = [self._stops(ids, stop) for ids in sequences[:, width:].tolist()]
            return torch.tensor(rows, device=sequences.device)

        return stopped

    def _stops(self, ids: list[int], stop: tuple[str, ...]) -> bool:
        text = self._text(ids)
        return any(string in text for string in stop)

    def _text(self, ids: list[int]) -> str:
        """Return the text from its first word on: a line break before it ends no output."""
        return str(self.tokenizer.decode(ids, skip_special_tokens=True)).lstrip()

    def _input_ids(self, request: Request) -> tuple[list[int], bool]:
        """Return the input's tokens and whether the context was cut to fit."""
        limit = self.serving.settings.max_input_tokens
        ids = self._encode(request, request.context)
        if len(ids) <= limit:
            return ids, False
        encoding = self.tokenizer(
            request.context, add_special_tokens=False, return_offsets_mapping=True
        )
        ends = [end for _, end in encoding["offset_mapping"]]
        keep = len(ends) - (len(ids) - limit)
        while keep > 0:
            ids = self._encode(request, request.context[: ends[keep - 1]])
            if len(ids) <= limit:
                return ids, True
            keep -= len(ids) - limit
        raise PoqError(
            f"prompt {request.prompt_id}: the prompt without its context has more than "
            f"max_input_tokens={limit} tokens; shorten the template or raise the limit"
        )

    def _dated_template(self) -> str:
        """Return the chat template, told the configured day instead of reading the clock.

        transformers gives templates a function ``strftime_now``; a macro of that name hides it.
        """
        day = f"{self.serving.settings.chat_date:%d %b %Y}"
        macro = "{%- macro strftime_now(format) -%}" + day + "{%- endmacro -%}"
        return macro + str(self.tokenizer.get_chat_template())

    def _encode(self, request: Request, context: str) -> list[int]:
        prompt_format = self.serving.formats[request.task]
        if self.tokenizer.chat_template:
            message = {"role": "user", "content": prompt_format.render(request.question, context)}
            text = self.tokenizer.apply_chat_template(
                [message],
                tokenize=False,
                add_generation_prompt=True,
                chat_template=self._dated_template(),
            )
            return list(self.tokenizer(text, add_special_tokens=False)["input_ids"])
        text = prompt_format.render_with_example(request.question, context)
        return list(self.tokenizer(text)["input_ids"])


def load(settings: Settings, serving: Serving, folder: Path | None) -> Generator:
    """Return the generator of a model folder."""
    return TransformersGenerator(settings, serving, Path(str(folder)))


def _load_model(folder: Path, precision: Precision, device: str) -> Any:
    import torch
    from transformers import AutoModelForCausalLM

    dtype = torch.float32 if precision == "int8" else getattr(torch, precision)
    model = AutoModelForCausalLM.from_pretrained(
        folder, dtype=dtype, local_files_only=True, trust_remote_code=False, use_safetensors=True
    ).eval()
    if precision == "int8":
        torch.ao.quantization.quantize_dynamic(  # type: ignore[no-untyped-call]
            model, {torch.nn.Linear}, dtype=torch.qint8, inplace=True
        )
    return model.to(device)
