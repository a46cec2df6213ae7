"""The compiled simulation: whole replications, statistics accumulated in a stream.

:func:`play` is a template, compiled for one consensus rule, trust update and K, which become
constants of the machine code; :func:`report`, what nodes report under one attack, is compiled once
for all of these (:func:`program`). Memory depends on the size of the pool and of the data, never on
the number of rounds. :mod:`poq.simulation.reference` is the same model in plain Python and says
what each step means; tests hold the two equal round for round.

Replications run side by side in *lanes*, in lockstep: a loop over lanes is what the compiler turns
into vector instructions. Such a loop has no branches and writes to nothing that it reads in another
lane; what lanes could collide in (trust, histograms) is written lane after lane when a round ends.

The machine code is cached next to this module, under names that hold the digest of all code that
went into it.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache, partial
from math import cos, log, pi, prod, sqrt
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import numpy as np
from llvmlite import ir
from numba import cfunc, njit, types
from numba.core import cgutils
from numba.extending import intrinsic
from numba.np.arrayobj import populate_array

from poq import kinds, provenance

BINS = 1001
"""Bins of the histogram of consensus, 0.01 points wide, from which Spearman's rho is computed."""

LANES = 8
"""Replications that run side by side."""

PARAMETERS = 4
"""Most parameters that an attack may have."""

# What is put in place of these names when a program is made; the values here only tell the types.
K = 5
REST = 4
SORTED = True
LEAVE_ONE_OUT = False
PREVIOUS = False
USES_TYPICAL = False
DRAWS = "nothing"
core: Any = None
update: Any = None
manipulate: Any = None
call: Any = None
floats_k: Any = None
floats_rest: Any = None
floats_lanes: Any = None
floats_table: Any = None
floats_parameters: Any = None
words_k: Any = None
words_lanes: Any = None
words_table: Any = None
words_stream: Any = None


# Nothing here is allocated; counting references would keep loops from becoming vector instructions.
_OPTIONS: Any = {"cache": True, "error_model": "numpy", "_nrt": False}

# In numba an operation on an unsigned and a signed integer gives a float.
_1, _11, _17, _19, _32, _45 = (np.uint64(n) for n in (1, 11, 17, 19, 32, 45))
_LOW = np.uint64(2**32 - 1)
_LANES = np.uint64(LANES)
_UNIT = 2.0**-53


def _on_stack(element: Any, shape: tuple[int, ...]) -> Any:
    """Return a compilable function that returns an uninitialised array on the stack.

    Of arrays on the stack the compiler knows that no two overlap, and keeps small ones in
    registers.
    """
    kind = types.Array(element, len(shape), "C")
    strides = [8 * prod(shape[axis + 1 :]) for axis in range(len(shape))]

    @intrinsic
    def allocate(context):
        def generate(context, builder, signature, arguments):
            def sizes(values):
                return [context.get_constant(types.intp, value) for value in values]

            array = context.make_array(kind)(context, builder)
            populate_array(
                array,
                data=cgutils.alloca_once(
                    builder, context.get_data_type(element), size=sizes([prod(shape)])[0]
                ),
                shape=sizes(shape),
                strides=sizes(strides),
                itemsize=sizes([8])[0],
                meminfo=None,
            )
            return array._getvalue()

        return kind(), generate

    return allocate


_F, _W = types.CPointer(types.float64), types.CPointer(types.uint64)
_REPORT = types.void(*[_F] * 10, _W, _F, _W, types.int64, types.int64, types.float64, types.int64)


@intrinsic
def _call_address(
    context,
    address,
    reported,
    given,
    weight,
    bad,
    own,
    peer,
    revealed,
    average,
    draw,
    params,
    node,
    noise,
    extra,
    k,
    noisy,
    cap,
    lanes,
):
    """Call compiled :func:`report` by its address."""
    passed = (
        *(reported, given, weight, bad, own, peer, revealed, average, draw, params),
        *(node, noise, extra),
    )

    def generate(context, builder, signature, arguments):
        address, *values = arguments
        for i, array in enumerate(passed):
            values[i] = context.make_array(array)(context, builder, values[i]).data
        kind = ir.FunctionType(ir.VoidType(), [value.type for value in values])
        builder.call(builder.inttoptr(address, kind.as_pointer()), values)
        return context.get_dummy_value()

    return types.void(types.uintp, *passed, *_REPORT.args[len(passed) :]), generate


# Types of the arguments of play, but for the parameters of rule and update.
_FLOATS, _WORDS = types.float64[::1], types.uint64[::1]
_BEFORE_PARAMETERS = (
    *[_FLOATS] * 3,
    *[_WORDS] * 5,
    types.uint32[::1],
    _FLOATS,
    *[types.int64] * 3,
    _FLOATS,
    types.int64,
    *[types.float64] * 4,
)
_AFTER_PARAMETERS = (
    *(types.uintp, types.float64, _FLOATS, types.int64[::1], types.int64, types.uint64[:, ::1]),
    *(_FLOATS, _FLOATS, *[types.float64[:, :, ::1]] * 3),
)


@njit(forceinline=True, error_model="numpy")
def advance(s0, s1, s2, s3):
    """Return the next 64 bits of xoshiro256+ and its state."""
    bits = s0 + s3
    shifted = s1 << _17
    s2 ^= s0
    s3 ^= s1
    s1 ^= s2
    s0 ^= s3
    s2 ^= shifted
    s3 = (s3 << _45) | (s3 >> _19)
    return bits, s0, s1, s2, s3


@njit(error_model="numpy")
def uniform(states, lane):
    """Return a number in [0, 1); changes the lane's state in shape (4 * LANES,)."""
    a, b, c, d = lane, LANES + lane, 2 * LANES + lane, 3 * LANES + lane
    bits, states[a], states[b], states[c], states[d] = advance(
        states[a], states[b], states[c], states[d]
    )
    return np.float64(bits >> _11) * _UNIT


@njit(error_model="numpy")
def normal(states, lane):
    """Return a standard normal number; changes the lane's state in shape (4 * LANES,)."""
    radius = sqrt(-2 * log(1 - uniform(states, lane)))
    return radius * cos(2 * pi * uniform(states, lane))


@njit(inline="always")
def sort(values, weights):
    """Sort values with their weights, ascending; equal values keep their order. Branch-free."""
    for last in range(len(values) - 1, 0, -1):
        for i in range(last):
            swap = values[i + 1] < values[i]
            low = values[i + 1] if swap else values[i]
            high = values[i] if swap else values[i + 1]
            lighter = weights[i + 1] if swap else weights[i]
            heavier = weights[i] if swap else weights[i + 1]
            values[i], values[i + 1] = low, high
            weights[i], weights[i + 1] = lighter, heavier


def report(
    reported,
    given,
    weight,
    bad,
    own,
    peer,
    revealed,
    average,
    draw,
    params,
    node,
    noise,
    extra,
    k,
    noisy,
    cap,
    lanes,
):
    """Turn what nodes find into what they report, in each lane, under one attack.

    Tables have K * LANES elements: what is reported, the result; what the logs hold; trust; 1 for
    malicious nodes; then of the lane, K times over: 1 if the output is the coalition's, the honest
    score that was reported first, the same of earlier rounds, mean consensus so far; room for
    draws; the attack's parameters; the nodes; the standard deviations of all nodes' errors; the
    lanes' streams, 4 * LANES words.
    """
    if noisy > 0:
        for n in range(lanes):
            first = np.nan
            for i in range(k):
                j = i * LANES + n
                moved = given[j] + noise[node[j]] * normal(extra, n)
                given[j] = min(max(moved, 0.0), 10.0)
            for i in range(k - 1, -1, -1):
                first = given[i * LANES + n] if bad[i * LANES + n] == 0 else first
            for i in range(k):
                peer[i * LANES + n] = first
    if DRAWS != "nothing":
        for i in range(k):
            for n in range(lanes):
                j = i * LANES + n
                if bad[j] > 0:
                    draw[j] = uniform(extra, n) if DRAWS == "uniform" else normal(extra, n)
    # Both outcomes are computed and one is taken: no branch. In idle lanes it is of no meaning.
    for j in range(k * LANES):
        bent = manipulate(
            given[j],
            own[j] > 0,
            weight[j] / cap,
            peer[j],
            revealed[j],
            average[j],
            draw[j],
            params,
        )
        reported[j] = bent if bad[j] > 0 else given[j]


def play(
    scores,
    quality,
    rank,
    model_of,
    task_of,
    start_of,
    size_of,
    roster,
    evaluator_of,
    noise,
    noisy,
    malicious,
    beneficiary,
    costs,
    evaluators,
    slope,
    alpha,
    initial,
    cap,
    rule_params,
    trust_params,
    behave,
    renews_below,
    attack_params,
    checkpoints,
    lanes,
    states,
    trust,
    previous,
    sums,
    by_output,
    histogram,
):
    """Run replications. See :func:`poq.simulation.engine.run`, which prepares the arguments."""
    n_outputs, nodes = np.uint64(len(quality)), np.uint64(len(evaluator_of))
    n_evaluators, n_malicious = np.uint64(evaluators), np.uint64(malicious)
    everyone = len(roster) == 0

    # Passed on to report.
    reported, given, weight, bad = floats_table(), floats_table(), floats_table(), floats_table()
    own, peer, revealed, average = floats_table(), floats_table(), floats_table(), floats_table()
    draw, params, node, extra = floats_table(), floats_parameters(), words_table(), words_stream()

    # Of each lane, from one loop to the next.
    s0, s1 = words_lanes(), words_lanes()
    s2, s3 = words_lanes(), words_lanes()
    first, output = words_lanes(), words_lanes()
    model = words_lanes()
    charge, after = floats_table(), floats_table()
    truth, agreed = floats_lanes(), floats_lanes()
    before, last_peer = floats_lanes(), floats_lanes()

    # Of one lane, within a loop.
    place = words_k()
    score = floats_k()
    trusted = floats_k()
    ordered = floats_k()
    ordered_weight = floats_k()
    others = floats_rest()
    others_weight = floats_rest()
    deviation = floats_k()
    updated = floats_k()

    # Sums.
    sum_c, sum_cc, sum_error = floats_lanes(), floats_lanes(), floats_lanes()
    sum_d, sum_d_bad = floats_lanes(), floats_lanes()
    sum_r, sum_r_bad = floats_lanes(), floats_lanes()
    sum_rr, sum_rr_bad = floats_lanes(), floats_lanes()
    sum_w, sum_w_bad = floats_lanes(), floats_lanes()
    sum_bad, renewed = floats_lanes(), floats_lanes()
    at_cap, at_cap_bad = floats_lanes(), floats_lanes()
    half, full = floats_lanes(), floats_lanes()

    for i in range(len(attack_params)):
        params[i] = attack_params[i]

    for base in range(0, len(states), LANES):
        for i in range(len(trust)):
            trust[i] = initial
        for i in range(len(previous)):
            previous[i] = np.nan
        for n in range(lanes):
            bits, s0[n], s1[n], s2[n], s3[n] = advance(
                states[base + n, 0], states[base + n, 1], states[base + n, 2], states[base + n, 3]
            )
            first[n] = ((bits >> _32) * nodes) >> _32
            for i in range(4):
                extra[i * LANES + n] = states[base + n, 4 + i]
            last_peer[n] = 5.0
            sum_c[n] = sum_cc[n] = sum_error[n] = sum_d[n] = sum_d_bad[n] = sum_bad[n] = renewed[
                n
            ] = 0.0
            sum_r[n] = sum_r_bad[n] = sum_rr[n] = sum_rr_bad[n] = half[n] = full[n] = 0.0
            sum_w[n], sum_w_bad[n] = initial * len(evaluator_of), initial * malicious
            at_cap[n] = len(evaluator_of) if initial >= cap else 0.0
            at_cap_bad[n] = malicious if initial >= cap else 0.0

        played = 0
        for checkpoint in range(len(checkpoints)):
            while played < checkpoints[checkpoint]:
                # An output: a prompt and an inference node; K nodes that have a score for it.
                for n in range(lanes):
                    a, b, c, d = s0[n], s1[n], s2[n], s3[n]
                    bits, a, b, c, d = advance(a, b, c, d)
                    drawn = ((bits >> _32) * n_outputs) >> _32
                    output[n] = drawn
                    size = size_of[drawn]
                    for i in range(K):  # Floyd's sampling
                        last = size - np.uint64(K - i)
                        bits, a, b, c, d = advance(a, b, c, d)
                        drawn = ((bits >> _32) * ((last + _1) & _LOW)) >> _32
                        taken = False
                        for j in range(i):
                            taken |= place[j] == drawn
                        place[i] = last if taken else drawn
                        node[i, n] = place[i]
                    s0[n], s1[n], s2[n], s3[n] = a, b, c, d
                if not everyone:
                    for n in range(lanes):
                        start = start_of[output[n]]
                        for i in range(K):
                            node[i, n] = roster[start + node[i, n]]

                # What the logs hold for them.
                for n in range(lanes):
                    model[n] = model_of[output[n]]
                    truth[n] = quality[output[n]]
                    row = task_of[output[n]]
                    is_own = 1.0 if np.int64(model[n]) == beneficiary else 0.0
                    mean = 5.0 + sum_c[n] / played if played > 0 else 5.0
                    first_peer = np.nan
                    for i in range(K - 1, -1, -1):
                        m = node[i, n]
                        shifted = m - first[n] if m >= first[n] else m + nodes - first[n]
                        is_bad = shifted < n_malicious
                        column = np.uint64(evaluator_of[m])
                        bad[i, n] = 1.0 if is_bad else 0.0
                        weight[i, n] = trust[m * _LANES + np.uint64(n)]
                        found = scores[output[n] * n_evaluators + column]
                        given[i, n] = found
                        first_peer = first_peer if is_bad else found
                        effort = n_evaluators if is_bad else np.uint64(0)
                        charge[i, n] = costs[row + effort + column]
                    for i in range(K):
                        own[i, n] = is_own
                        average[i, n] = mean
                        revealed[i, n] = last_peer[n]
                        peer[i, n] = first_peer
                if PREVIOUS:
                    for n in range(lanes):
                        before[n] = previous[model[n] * _LANES + np.uint64(n)]

                call(
                    behave,
                    reported,
                    given,
                    weight,
                    bad,
                    own,
                    peer,
                    revealed,
                    average,
                    draw,
                    params,
                    node,
                    noise,
                    extra,
                    K,
                    noisy,
                    cap,
                    lanes,
                )

                played += 1
                for n in range(lanes):
                    # Their consensus.
                    for i in range(K):
                        score[i] = ordered[i] = reported[i, n]
                        trusted[i] = ordered_weight[i] = weight[i, n]
                    if SORTED:
                        sort(ordered, ordered_weight)
                    last_peer[n] = peer[0, n] if peer[0, n] == peer[0, n] else last_peer[n]
                    consensus = core(ordered, ordered_weight, rule_params)
                    agreed[n] = consensus
                    sum_c[n] += consensus - 5
                    sum_cc[n] += (consensus - 5) * (consensus - 5)
                    sum_error[n] += abs(consensus - truth[n])

                    # Evaluator rewards.
                    d = d_bad = r = r_bad = rr = rr_bad = bads = 0.0
                    for i in range(K):
                        distance = abs(score[i] - consensus)
                        deviation[i] = distance * 0.1
                        earned = alpha - slope * distance - charge[i, n]
                        d += deviation[i]
                        d_bad += bad[i, n] * deviation[i]
                        r += earned
                        r_bad += bad[i, n] * earned
                        rr += earned * earned
                        rr_bad += bad[i, n] * earned * earned
                        bads += bad[i, n]
                    sum_d[n] += d
                    sum_d_bad[n] += d_bad
                    sum_r[n] += r
                    sum_r_bad[n] += r_bad
                    sum_rr[n] += rr
                    sum_rr_bad[n] += rr_bad
                    sum_bad[n] += bads

                    # Trust.
                    compared = True
                    if LEAVE_ONE_OUT:
                        compared = K > 1
                        for i in range(K):
                            if SORTED:
                                at = 0
                                for j in range(K):
                                    earlier = score[j] <= score[i] if j < i else score[j] < score[i]
                                    at += 1 if earlier else 0
                                for j in range(K - 1):
                                    after_it = j >= at
                                    others[j] = ordered[j + 1] if after_it else ordered[j]
                                    others_weight[j] = (
                                        ordered_weight[j + 1] if after_it else ordered_weight[j]
                                    )
                            else:
                                for j in range(K - 1):
                                    others[j] = score[j + 1 if j >= i else j]
                                    others_weight[j] = trusted[j + 1 if j >= i else j]
                            if K > 1:
                                rest = core(others, others_weight, rule_params)
                                deviation[i] = abs(score[i] - rest) * 0.1
                    if PREVIOUS:
                        compared = before[n] == before[n]
                        for i in range(K):
                            deviation[i] = abs(score[i] - before[n]) * 0.1
                    typical = 0.0
                    if USES_TYPICAL:
                        for i in range(K):
                            ordered[i] = deviation[i]
                        sort(ordered, ordered_weight)
                        typical = (ordered[(K - 1) // 2] + ordered[K // 2]) / 2
                    for i in range(K):
                        updated[i] = trusted[i]
                    update(updated, deviation, typical, trust_params)
                    w = w_bad = reached = reached_bad = given_up = 0.0
                    for i in range(K):
                        u = updated[i] if compared else trusted[i]
                        renews = bad[i, n] > 0 and u < renews_below
                        given_up += 1.0 if renews else 0.0
                        u = initial if renews else u
                        gained = u - trusted[i]
                        rose = (1.0 if u >= cap else 0.0) - (1.0 if trusted[i] >= cap else 0.0)
                        w += gained
                        w_bad += bad[i, n] * gained
                        reached += rose
                        reached_bad += bad[i, n] * rose
                        after[i, n] = u
                    renewed[n] += given_up
                    sum_w[n] += w
                    sum_w_bad[n] += w_bad
                    at_cap[n] += reached
                    at_cap_bad[n] += reached_bad
                    halved = half[n] == 0 and 2 * at_cap[n] >= len(evaluator_of)
                    half[n] = played if halved else half[n]
                    filled = full[n] == 0 and at_cap[n] == len(evaluator_of)
                    full[n] = played if filled else full[n]

                for n in range(lanes):
                    m = np.uint64(n)
                    for i in range(K):
                        trust[node[i, n] * _LANES + m] = after[i, n]
                    if PREVIOUS:
                        previous[model[n] * _LANES + m] = agreed[n]
                    by_output[base + n, output[n], 0] += 1
                    by_output[base + n, output[n], 1] += agreed[n] - 5
                    bin_ = np.uint64(agreed[n] * 100 + 0.5)
                    histogram[base + n, bin_, 0] += 1
                    histogram[base + n, bin_, 1] += rank[output[n]]

            for n in range(lanes):
                total = sums[base + n, checkpoint]
                total[0], total[1] = sum_c[n], sum_error[n]
                total[2], total[3] = sum_d[n], sum_d_bad[n]
                total[4], total[5] = sum_r[n], sum_rr[n]
                total[6], total[7] = sum_r_bad[n], sum_rr_bad[n]
                total[8], total[9] = sum_bad[n], renewed[n]
                total[10], total[11] = sum_w[n], sum_w_bad[n]
                total[12], total[13] = at_cap[n], at_cap_bad[n]
                total[14], total[15] = half[n], full[n]
                total[16] = sum_cc[n]


@dataclass(frozen=True)
class Program:
    """What runs replications of one rule, trust update, attack and K."""

    play: Any
    """:func:`play`, made for them."""
    behave: Any
    """What it calls as :func:`report`: the address of machine code, or a function."""
    lanes: int
    """Replications side by side: they come in multiples of this, unless they are fewer."""


def program(rule: str, trust: str, attack: str, k: int, *, compiled: bool = True) -> Program:
    """Return the program for a consensus rule, a trust update, an attack and K.

    Machine code runs without Python's lock, so that threads can share the replications.

    Args:
        rule: kind of :mod:`poq.consensus`.
        trust: kind of :mod:`poq.trust`.
        attack: kind of :mod:`poq.attacks`.
        k: K, at least 1.
        compiled: whether it is machine code; else the interpreter runs the very same functions,
            a thousand times as slow: for tests and for debugging.
    """
    if compiled:
        return Program(_play(rule, trust, k), _report(attack).address, LANES)
    return _interpreted(rule, trust, attack, k)


def precompile(plays: Iterable[tuple[str, str, int]], processes: int) -> None:
    """Fill the cache on disk with machine code, several processes at a time.

    Compiling takes seconds for each rule, trust update and K, and one process cannot compile two at
    once; loading what is in the cache takes hundredths of a second. Where this package's folder
    cannot be written to, numba keeps the cache in the user's own (``NUMBA_CACHE_DIR`` names
    another); where no folder can, everything is compiled on use, in every process.

    Args:
        plays: rule, trust update and K of each.
        processes: how many compile at a time.
    """
    missing = [play for play in dict.fromkeys(plays) if not _is_cached(*play)]
    shares = [missing[first::processes] for first in range(min(processes, len(missing)))]
    if len(shares) < 2:
        return
    # Not multiprocessing, which would run the main script of whoever calls this once more.
    root = str(Path(__file__).parents[2])
    command = (
        f"import sys; sys.path.insert(0, {root!r}); from poq.simulation import kernel; "
        "[kernel.program(rule, trust, 'honest', int(k)) for rule, trust, k in "
        "zip(*[iter(sys.argv[1:])] * 3)]"
    )
    running = [
        subprocess.Popen([sys.executable, "-c", command, *(str(x) for play in share for x in play)])  # noqa: S603
        for share in shares
    ]
    for process in running:
        process.wait()  # what one has failed to compile is compiled on use


def _is_cached(rule: str, trust: str, k: int) -> bool:
    name, _ = _named(rule, trust, k)
    path = njit(cache=True)(_with(play, name, {})).stats.cache_path
    return path is not None and any(Path(path).glob(f"*.{name}-*.nbi"))


def _named(rule: str, trust: str, k: int) -> tuple[str, tuple[ModuleType, ModuleType]]:
    """Return the name of :func:`play` made for a rule, a trust update and K, and their modules.

    It is the key of the cache on disk, which looks at no function that this one calls: so it holds
    the digest of their code.
    """
    modules = kinds.load("poq.consensus", rule), kinds.load("poq.trust", trust)
    return f"{rule}_{trust}_{k}_{_digest(*(m.__name__ for m in modules))}", modules


def _with(template: Callable[..., Any], name: str, constants: dict[str, Any]) -> Any:
    """Return a copy of a function under another name, with constants in place of globals."""
    function = FunctionType(template.__code__, template.__globals__ | constants, name)
    function.__qualname__ = name
    function.__module__ = template.__module__
    return function


@cache
def _digest(*modules: str) -> str:
    return provenance.code_digest(Path(__file__), modules)


def _shape(rule: str, trust: str, k: int) -> dict[str, Any]:
    """Return the constants of :func:`play`."""
    update = kinds.load("poq.trust", trust)
    return {
        "K": k,
        "SORTED": kinds.load("poq.consensus", rule).SORTED,
        "LEAVE_ONE_OUT": update.COMPARES_WITH == "others",
        "PREVIOUS": update.COMPARES_WITH == "previous",
        "USES_TYPICAL": update.USES_TYPICAL,
    }


def _rooms(k: int, lanes: int) -> dict[str, tuple[Any, tuple[int, ...]]]:
    """Return type and shape of the arrays that :func:`play` asks for by name."""
    return {
        "floats_k": (types.float64, (k,)),
        "floats_rest": (types.float64, (max(k - 1, 1),)),
        "floats_lanes": (types.float64, (lanes,)),
        "floats_table": (types.float64, (k, lanes)),
        "floats_parameters": (types.float64, (PARAMETERS,)),
        "words_k": (types.uint64, (k,)),
        "words_lanes": (types.uint64, (lanes,)),
        "words_table": (types.uint64, (k, lanes)),
        "words_stream": (types.uint64, (4 * lanes,)),
    }


@cache
def _report(attack: str) -> Any:
    """Return :func:`report` compiled for an attack, or loaded from the cache."""
    module = kinds.load("poq.attacks", attack)
    constants = {"DRAWS": module.DRAWS, "manipulate": njit(inline="always")(module.manipulate)}
    name = f"{attack}_{_digest(module.__name__)}"
    return cfunc(_REPORT, **_OPTIONS)(_with(report, name, constants))


@cache
def _play(rule: str, trust: str, k: int) -> Any:
    """Return :func:`play` compiled for a consensus rule, a trust update and K, or loaded."""
    name, (consensus, update) = _named(rule, trust, k)
    constants = _shape(rule, trust, k) | {
        "core": njit(inline="always")(consensus.core),
        "update": njit(inline="always")(update.update),
        "call": _call_address,
        **{room: _on_stack(*kind) for room, kind in _rooms(k, LANES).items()},
    }
    numbers = [
        types.UniTuple(types.float64, len(module.params(module.Settings(kind=kind))))
        for module, kind in ((consensus, rule), (update, trust))
    ]
    signature = types.void(*_BEFORE_PARAMETERS, *numbers, *_AFTER_PARAMETERS)
    options = _OPTIONS | {"fastmath": {"contract"}, "nogil": True, "no_cfunc_wrapper": True}
    return njit(signature, **options)(_with(play, name, constants))


def _interpreted(rule: str, trust: str, attack: str, k: int) -> Program:
    """Return the program as Python functions, with two lanes."""
    lanes = {"LANES": 2, "_LANES": np.uint64(2)}
    draws = lanes | {"advance": advance.py_func}
    draws["uniform"] = _with(uniform.py_func, "uniform", draws)
    draws["normal"] = _with(normal.py_func, "normal", draws)
    module = kinds.load("poq.attacks", attack)
    behave = _with(report, attack, {"DRAWS": module.DRAWS, "manipulate": module.manipulate} | draws)
    rooms = {
        room: partial(np.zeros, shape, str(element))
        for room, (element, shape) in _rooms(k, 2).items()
    }
    constants = _shape(rule, trust, k) | {
        "core": kinds.load("poq.consensus", rule).core,
        "update": kinds.load("poq.trust", trust).update,
        "sort": sort.py_func,
        "call": lambda function, *passed: function(
            *(np.ravel(x) if np.ndim(x) else x for x in passed)
        ),
    }
    run = _with(play, f"{rule}_{trust}_{k}", constants | rooms | draws)
    return Program(np.errstate(over="ignore")(run), behave, 2)
