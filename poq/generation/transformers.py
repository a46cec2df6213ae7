"""Generation by Hugging Face transformers from a local model folder.

Runs on CUDA if it is there, else (and with int8 always) on the CPU. Inputs are left-padded, in
batches sorted by length, one task a batch. If memory runs out, a batch is generated in parts.

A prompt is the unit of randomness: each draws from a stream of its own, so that neither an
interruption nor the way in which batches are made or split changes what is drawn for it. Batches do
change how sums are rounded, at low precision visibly.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate, groupby
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, model_validator

from poq import hardware
from poq.errors import PoqError
from poq.generation.base import (
    OPEN_REASONING,
    Completion,
    FinishReason,
    Generator,
    Request,
    SamplingSettings,
    Serving,
    without_reasoning,
)
from poq.generation.batching import MemoryLimit, batch_sizes, padding_share
from poq.models.served import Served
from poq.models.size import ModelSize, parameters, weight_bytes
from poq.streams import stream

Precision = Literal["auto", "float32", "bfloat16", "float16", "int8"]
Attention = Literal["auto", "sdpa", "eager", "flash_attention_2"]
PLAIN_TEMPLATE = "{{ messages[0]['content'] }}"
"""What stands for the chat template of a base model."""
log = logging.getLogger(__name__)


class Settings(SamplingSettings):
    """A language model as it is served."""

    kind: Literal["transformers"]
    model: str = Field(description="Name of a model folder, a key of `models`.")
    precision: Precision = Field(
        "auto",
        description="Number format of the weights. auto: bfloat16 where the CUDA device or the CPU "
        "computes in it natively, else float32. float16 is never chosen, since activations of some "
        "models (Gemma) exceed its range. int8 is PyTorch's dynamic quantisation of all linear "
        "layers, on the CPU only: cheap, and hard on answers.",
    )
    attention: Attention = Field(
        "auto",
        description="How attention is computed. auto: transformers chooses, sdpa where the model "
        "supports it, else eager. sdpa: PyTorch's fused kernels. eager: step by step. "
        "flash_attention_2: the package flash-attn, on CUDA at half precision only.",
    )
    device_map: Literal["auto"] | None = Field(
        None,
        description="auto spreads the layers of a model that exceeds one GPU over all of them, and "
        "over the CPU's memory if they do not suffice. CUDA only.",
    )
    chat_template_kwargs: dict[str, bool | int | float | str] = Field(
        default_factory=dict,
        description="Variables of the model's chat template, such as enable_thinking: false.",
    )

    @model_validator(mode="after")
    def _compatible(self) -> Settings:
        half = self.precision in ("auto", "bfloat16", "float16")
        if self.attention == "flash_attention_2" and not half:
            raise ValueError("expected precision auto, bfloat16 or float16 for flash_attention_2")
        if self.device_map and self.precision == "int8":
            raise ValueError("expected no device_map at precision int8, which runs on the CPU")
        return self


class TransformersGenerator:
    """A causal language model, its tokenizer and how it decodes."""

    def __init__(self, settings: Settings, serving: Serving, folder: Path) -> None:
        from transformers import AutoConfig, AutoTokenizer, GenerationConfig

        self.settings = settings
        self.serving = serving
        self.memory = MemoryLimit()
        # PyTorch has no CUDA kernels for its dynamic quantisation.
        device = "cpu" if settings.precision == "int8" else hardware.device()
        _check_device(settings, device)
        try:
            config = AutoConfig.from_pretrained(
                folder, local_files_only=True, trust_remote_code=False
            )
        except ValueError as error:
            reason = str(error).partition("\n")[0]
            raise PoqError(
                f"model {settings.model}: config.json is of no architecture that transformers has: "
                f"{reason}"
            ) from error
        _check_model(settings, config)
        self.input_limits = _input_limits(settings, serving, positions(config))
        self.tokenizer = AutoTokenizer.from_pretrained(
            folder, local_files_only=True, trust_remote_code=False, padding_side="left"
        )
        if self.tokenizer.pad_token is None:
            self.tokenizer.pad_token = self.tokenizer.eos_token
        self._reasoning_begun = self._check_template()
        added = sorted(self.tokenizer.get_added_vocab(), key=len, reverse=True)
        self._added = [token for token in added if not token.isspace()]
        first = self.tokenizer("")["input_ids"][:1]
        self._begin = first if first == [self.tokenizer.bos_token_id] else []
        precision = _precision(settings)
        self.model, self._parameters = _load_model(folder, settings, precision, device)
        self.device = str(self.model.device)
        self.served = Served(precision, self.model.config.get_text_config()._attn_implementation)
        log.info("model %s: precision %s, attention %s", settings.model, *self.served)
        eos = self.model.generation_config.eos_token_id
        ends = {*(eos if isinstance(eos, list) else [eos]), self.tokenizer.eos_token_id}
        self.eos_ids = ends - {None}
        # How a node decodes stands in its settings, not in a file of its model's folder.
        self.model.generation_config = GenerationConfig(
            pad_token_id=self.tokenizer.pad_token_id, eos_token_id=sorted(self.eos_ids) or None
        )

    def size(self) -> ModelSize:
        """Return the number of weights before quantisation, and their bytes as they are served."""
        return ModelSize(self._parameters, weight_bytes(self.model))

    def batches(self, requests: Iterable[Request]) -> list[list[Request]]:
        """Return batches of one task each, longest inputs first, ties by prompt_id."""
        sized = [(request.task, -len(self._input_ids(request)[0]), request) for request in requests]
        sized.sort(key=lambda item: (item[0], item[1], item[2].prompt_id))
        batches = []
        for task, group in groupby(sized, key=lambda item: item[0]):
            _, negative, of_task = zip(*group, strict=True)
            lengths = [-length for length in negative]
            sizes = batch_sizes(
                lengths,
                rows=self.serving.settings.batch_size,
                tokens=self.serving.settings.batch_tokens,
                output_tokens=self.serving.limits[task].max_output_tokens,
                max_padding=self.serving.settings.max_padding,
            )
            cuts = [
                slice(end - size, end) for size, end in zip(sizes, accumulate(sizes), strict=True)
            ]
            share = padding_share([lengths[cut] for cut in cuts])
            log.info(
                "%s: %d prompts, %d batches, padding %.1f %%",
                task,
                len(lengths),
                len(cuts),
                100 * share,
            )
            batches += [list(of_task[cut]) for cut in cuts]
        return batches

    def complete(self, batch: list[Request]) -> list[Completion]:
        """Return a completion for each request of a batch of one task, in parts if memory is short.

        Raises:
            PoqError: a prompt does not fit into memory by itself.
        """
        (task,) = {request.task for request in batch}
        inputs = [self._input_ids(request) for request in batch]
        longest = self.serving.limits[task].max_output_tokens
        completions: list[Completion] = []
        while len(completions) < len(batch):
            first = len(completions)
            width = max(len(ids) for ids, _ in inputs[first:]) + longest
            rows = int(min(self.memory.rows(width), len(batch) - first))
            part = slice(first, first + rows)
            try:
                completions += self._generate(batch[part], inputs[part])
            except (RuntimeError, MemoryError) as error:
                if not _out_of_memory(error):
                    raise
                reason = str(error).partition("\n")[0]
            if len(completions) > first:
                self.memory.sufficed(rows, width)
            elif rows == 1:
                raise PoqError(
                    f"prompt {batch[first].prompt_id}: {len(inputs[first][0])} input tokens and up "
                    f"to {longest} output tokens do not fit into the memory of the device "
                    f"({self.device}), even alone; lower serving.max_input_tokens or the task's "
                    f"max_output_tokens, or serve the model at a lower precision ({reason})"
                )
            else:
                # The error is gone, and with it the references to what it had allocated.
                _free_memory()
                self.memory.fell_short(rows, width)
                log.warning(
                    "%d prompts of %d tokens do not fit into memory; going on with %d (%s)",
                    rows,
                    width,
                    rows // 2,
                    reason,
                )
        return completions

    def _generate(
        self, requests: Sequence[Request], inputs: Sequence[tuple[list[int], bool]]
    ) -> list[Completion]:
        """Return the completions of requests of one task, generated together."""
        import torch
        from transformers import LogitsProcessorList

        limits = self.serving.limits[requests[0].task]
        padded = self.tokenizer.pad(
            {"input_ids": [ids for ids, _ in inputs]}, return_tensors="pt"
        ).to(self.device)
        seeds: list[int | None] = [None] * len(requests)
        processors = LogitsProcessorList()
        if self.settings.temperature > 0:
            drawn = [_seed(self.serving.seed, request) for request in requests]
            processors += _sampling(self.settings, drawn, self.device)
            seeds = [*drawn]
        width = padded["input_ids"].shape[1]
        with torch.inference_mode():
            sequences = self.model.generate(
                **padded,
                max_new_tokens=limits.max_output_tokens,
                eos_token_id=sorted(self.eos_ids) or None,
                stopping_criteria=[self._stopping(width, limits.stop)] if limits.stop else None,
                logits_processor=processors,
                do_sample=False,
                temperature=None,
                top_p=None,
                top_k=None,
            )
        generated = sequences[:, width:].tolist()
        return [
            self._completion(ids, input_ids, truncated, limits.stop, seed)
            for ids, (input_ids, truncated), seed in zip(generated, inputs, seeds, strict=True)
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

        stopped: list[bool] = []

        def ends(sequences: torch.Tensor, scores: Any, **_: Any) -> torch.Tensor:
            generated = sequences[:, width:].tolist()
            # What has stopped is only padded, and need not be decoded again.
            before = stopped or [False] * len(generated)
            stopped[:] = [
                done or self._stops(ids, stop) for done, ids in zip(before, generated, strict=True)
            ]
            return torch.tensor(stopped, device=sequences.device)

        return ends

    def _stops(self, ids: list[int], stop: tuple[str, ...]) -> bool:
        text = self._text(ids)
        return any(string in text for string in stop)

    def _text(self, ids: list[int]) -> str:
        """Return the answer from its first word on: a line break before it ends no output."""
        text = str(self.tokenizer.decode(ids, skip_special_tokens=True))
        return without_reasoning(text, begun=self._reasoning_begun).lstrip()

    def _input_ids(self, request: Request) -> tuple[list[int], bool]:
        """Return the input's tokens and whether the context was cut to fit."""
        limit = self.input_limits[request.task]
        ids = self._encode(request, request.context)
        if len(ids) <= limit:
            return ids, False
        encoding = self.tokenizer(
            request.context, add_special_tokens=False, return_offsets_mapping=True
        )
        ends = [end for _, end in encoding["offset_mapping"]]
        keep = len(ends)
        while keep > 0:
            left = keep - (len(ids) - limit)
            # Control tokens that are plain text are several tokens each, and counted as one here.
            keep = left if left > 0 else keep // 2
            ids = self._encode(request, request.context[: ends[keep - 1] if keep else 0])
            if len(ids) <= limit:
                return ids, True
        raise PoqError(
            f"prompt {request.prompt_id}: the prompt without its context has {len(ids)} tokens; "
            f"expected at most {limit}; shorten the template or raise serving.max_input_tokens "
            f"({self.serving.settings.max_input_tokens}), as far as the model's positions go"
        )

    def _template(self) -> str:
        """Return the chat template, given the configured day instead of the clock's.

        transformers gives templates a function ``strftime_now``; a macro of that name hides it.
        """
        if not self.tokenizer.chat_template:
            return PLAIN_TEMPLATE
        day = f"{self.serving.settings.chat_date:%d %b %Y}"
        macro = "{%- macro strftime_now(format) -%}" + day + "{%- endmacro -%}"
        return macro + str(self.tokenizer.get_chat_template())

    def _check_template(self) -> bool:
        """Return whether the chat template ends its prompt with reasoning that is to go on.

        Raises:
            PoqError: the template has no such variable, or refuses a user's message.
        """
        from transformers.utils.chat_template_utils import _get_template_variables

        where = f"model {self.settings.model}"
        template = self._template()
        parameters = inspect.signature(self.tokenizer.apply_chat_template).parameters
        variables = set(_get_template_variables(template)) - {"messages", *parameters}
        if unknown := sorted(self.settings.chat_template_kwargs.keys() - variables):
            raise PoqError(
                f"{where}: chat_template_kwargs has {', '.join(unknown)}; expected variables of "
                f"its chat template ({', '.join(sorted(variables)) or 'none'})"
            )
        try:
            text = str(self._apply_template("x", tokenize=False))
        except Exception as error:  # whatever its author's code raises
            raise PoqError(
                f"{where}: its chat template refuses a user's message: {error}"
            ) from error
        return text.rstrip().endswith(OPEN_REASONING)

    def _apply_template(self, content: str, **options: Any) -> Any:
        return self.tokenizer.apply_chat_template(
            [{"role": "user", "content": content}],
            add_generation_prompt=True,
            chat_template=self._template(),
            return_dict=False,
            **options,
            **self.settings.chat_template_kwargs,
        )

    def _encode(self, request: Request, context: str) -> list[int]:
        """Return the input's tokens; control tokens that stand in the request are plain text."""
        prompt_format = self.serving.formats[request.task]
        if self.tokenizer.chat_template:
            return self._tokens(prompt_format.render(request.question, context))
        text = prompt_format.render_with_example(request.question, context)
        return self._begin + self._tokens(text)

    def _tokens(self, text: str) -> list[int]:
        """Return the tokens of a message; those that begin a base model's text are left out."""
        if not any(token in text for token in self._added):
            # The same tokens, in a hundredth of the time where a vocabulary has 6,000 added ones.
            return list(self._apply_template(text))
        try:
            return list(self._apply_template(text, sanitize_control_tokens=True))
        except ValueError:
            # A vocabulary that has the control token among its plain pieces too.
            for token in self._added:
                text = text.replace(token, f"{token[0]} {token[1:]}")
            return list(self._apply_template(text, sanitize_control_tokens=True))


def load(settings: Settings, serving: Serving, folder: Path | None) -> Generator:
    """Return the generator of a model folder."""
    return TransformersGenerator(settings, serving, Path(str(folder)))


def _seed(run: int, request: Request) -> int:
    """Return the seed of what is drawn for a prompt, in [0, 2^63)."""
    return int(stream(run, "generation", request.prompt_id).integers(2**63))


def _sampling(settings: Settings, seeds: Sequence[int], device: str) -> list[Any]:
    """Return the processors of logits after which the most likely token is a sampled one.

    Adding independent Gumbel noise to log-probabilities and taking the greatest is sampling from
    them (Gumbel, 1954), and lets every row draw from a generator of its own, which transformers'
    sampling has no place for.
    """
    import torch
    from transformers import TemperatureLogitsWarper, TopPLogitsWarper

    generators = [torch.Generator(device).manual_seed(seed) for seed in seeds]

    def perturb(sequences: Any, logits: torch.Tensor) -> torch.Tensor:
        waits = torch.empty_like(logits)
        for row, generator in zip(waits, generators, strict=True):
            row.exponential_(generator=generator)
        # Noise is finite, so that a token outside the nucleus stays there.
        return logits - waits.clamp_min(torch.finfo(waits.dtype).tiny).log()

    nucleus = [TopPLogitsWarper(settings.top_p)] if settings.top_p < 1 else []
    return [TemperatureLogitsWarper(settings.temperature), *nucleus, perturb]


def _out_of_memory(error: Exception) -> bool:
    """Return whether memory ran out, by the error texts of PyTorch and the libraries below it."""
    from accelerate.utils.memory import should_reduce_batch_size

    # The last is oneDNN's, which has no other for it.
    words = ("CUBLAS_STATUS_ALLOC_FAILED", "bad_alloc", "could not create a primitive")
    return (
        isinstance(error, MemoryError)
        or should_reduce_batch_size(error)
        or any(word in str(error) for word in words)
    )


def _free_memory() -> None:
    from accelerate.utils.memory import clear_device_cache

    clear_device_cache(garbage_collection=True)


def positions(config: Any) -> int | None:
    """Return how many positions a model has for input and output together; None for any number.

    Rotary positions that the configuration says how to scale reach as far as it says. A sliding
    window bounds how far a token sees, not how long a text may be.
    """
    text = config.get_text_config()
    # GPT-2 and others have it under names of their own, which configurations translate.
    limit: int | None = getattr(text, "max_position_embeddings", None)
    scaling = getattr(text, "rope_parameters", None) or {}
    factor = scaling.get("factor")
    if limit is None or factor is None or scaling.get("rope_type") in ("llama3", "longrope"):
        return limit
    original = scaling.get("original_max_position_embeddings") or limit
    return max(limit, int(factor * original))


def _input_limits(settings: Settings, serving: Serving, available: int | None) -> dict[str, int]:
    """Return the longest input of each task in tokens: as configured, or what the model can hold.

    Raises:
        PoqError: a task's longest output leaves no position for its input.
    """
    wanted = serving.settings.max_input_tokens
    if available is None:
        return dict.fromkeys(serving.limits, wanted)
    found = {}
    for task, limits in serving.limits.items():
        left = available - limits.max_output_tokens
        if left < 1:
            raise PoqError(
                f"model {settings.model}: tasks.{task}.max_output_tokens is "
                f"{limits.max_output_tokens}; expected less than the model's {available} positions"
            )
        found[task] = min(wanted, left)
    if short := {task: left for task, left in found.items() if left < wanted}:
        tasks = ", ".join(f"{task} {left}" for task, left in short.items())
        log.warning(
            "model %s has %d positions: inputs are cut to fewer tokens than "
            "serving.max_input_tokens: %d, to leave room for outputs (%s)",
            settings.model,
            available,
            wanted,
            tasks,
        )
    return found


def _precision(settings: Settings) -> str:
    """Return the precision that a model is served at; warn of one that the CPU emulates."""
    if settings.precision == "auto":
        return "bfloat16" if hardware.native_bfloat16() else "float32"
    if settings.precision == "bfloat16" and not hardware.native_bfloat16():
        log.warning(
            "model %s: this device has no bfloat16 instructions and emulates them, 3 to 6 times "
            "slower than float32 on a CPU; set precision: auto",
            settings.model,
        )
    return settings.precision


def _check_device(settings: Settings, device: str) -> None:
    """Check before a model is loaded that its settings suit the device.

    Raises:
        PoqError: flash attention or a device map is asked for, and flash attention's package or a
            CUDA device is missing.
    """
    from transformers.utils import is_flash_attn_2_available

    if settings.attention == "flash_attention_2" and not is_flash_attn_2_available():
        raise PoqError(
            f"model {settings.model}: attention flash_attention_2 needs a CUDA device "
            f"(found {device}) and the package flash-attn 2.3.3 or newer; "
            "install it or set attention: auto"
        )
    if settings.device_map and device != "cuda":
        raise PoqError(
            f"model {settings.model}: device_map: {settings.device_map} needs a CUDA device "
            f"(found {device}); leave it out"
        )


def _check_model(settings: Settings, config: Any) -> None:
    """Check before weights are loaded that a model can be served as configured.

    Raises:
        PoqError: it is no decoder-only language model, or lacks the attention asked for.
    """
    from transformers import MODEL_FOR_CAUSAL_LM_MAPPING, MODEL_FOR_MASKED_LM_MAPPING

    encoder = type(config) in MODEL_FOR_MASKED_LM_MAPPING and not getattr(
        config, "is_decoder", False
    )
    causal = type(config) in MODEL_FOR_CAUSAL_LM_MAPPING
    if config.is_encoder_decoder or encoder or not causal:
        what = "an encoder-decoder" if config.is_encoder_decoder else "no causal language model"
        raise PoqError(
            f"model {settings.model}: found {what} (model_type {config.model_type}); expected a "
            "decoder-only causal language model, which alone can be served"
        )
    network = MODEL_FOR_CAUSAL_LM_MAPPING[type(config)]
    supported = ["eager"]
    supported += ["sdpa"] if network._supports_sdpa else []
    supported += ["flash_attention_2"] if network._supports_flash_attn else []
    if settings.attention not in ("auto", *supported):
        raise PoqError(
            f"model {settings.model}: {network.__name__} does not support attention "
            f"{settings.attention}; expected auto or one of {', '.join(supported)}"
        )


def _load_model(folder: Path, settings: Settings, precision: str, device: str) -> tuple[Any, int]:
    """Return the model as it is served and the number of its weights."""
    import torch
    from transformers import AutoModelForCausalLM

    quantized = precision == "int8"
    model = AutoModelForCausalLM.from_pretrained(
        folder,
        dtype=torch.float32 if quantized else getattr(torch, precision),
        attn_implementation=None if settings.attention == "auto" else settings.attention,
        device_map=settings.device_map,
        local_files_only=True,
        trust_remote_code=False,
        use_safetensors=True,
    ).eval()
    weights = parameters(model)
    if quantized:
        torch.ao.quantization.quantize_dynamic(  # type: ignore[no-untyped-call]
            model, {torch.nn.Linear}, dtype=torch.qint8, inplace=True
        )
    return (model if settings.device_map else model.to(device)), weights
