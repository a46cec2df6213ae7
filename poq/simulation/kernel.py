"""The compiled simulation: whole replications, statistics accumulated in a stream.

:func:`play` is a template. :func:`specialize` compiles it for one consensus rule, trust update,
attack and K, which become constants of the machine code; its memory depends on the size of the
pool and of the data, never on the number of rounds. :mod:`poq.simulation.reference` is the same
model in plain Python and says what each step means; a test holds the two equal round for round.

The machine code is cached next to this module, under a name that holds the digest of all code
that went into it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from math import cos, log, pi, sqrt
from pathlib import Path
from types import FunctionType
from typing import Any

import numpy as np
from numba import carray, njit, types  # type: ignore[attr-defined]
from numba.core import cgutils
from numba.extending import intrinsic

from poq import kinds, provenance

BINS = 1001
"""Bins of the histogram of consensus, 0.01 points wide, from which Spearman's rho is computed."""

# What :func:`specialize` puts in place of these names; the values here only tell the types.
K = 5
REST = 4
SORTED = True
LEAVE_ONE_OUT = False
PREVIOUS = False
USES_TYPICAL = False
NUMBER = 0
core: Any = None
update: Any = None
manipulate: Any = None
otherwise: Any = None
floats_k: Any = None
floats_rest: Any = None
integers_k: Any = None

DRAWS = ("nothing", "uniform", "normal")
NOTHING, UNIFORM, NORMAL = range(3)
ATTACKS = kinds.names("poq.attacks")
_INNER: Any = {"error_model": "numpy", "no_cpython_wrapper": True, "no_cfunc_wrapper": True}

# In numba an operation on an unsigned and a signed integer gives a float.
_0, _1, _11, _17, _19, _32, _45 = (np.uint64(n) for n in (0, 1, 11, 17, 19, 32, 45))
_UNIT = 2.0**-53


def _on_stack(element: Any, count: int) -> Any:
    """Return a compilable function that reserves uninitialised elements on the stack.

    Of arrays on the stack the compiler knows that no two overlap, and keeps small ones in
    registers; arrays of ``numpy.empty`` cost a third of the speed.
    """

    @intrinsic
    def allocate(context):  # type: ignore[no-untyped-def]
        def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
            size = context.get_constant(types.intp, count)
            return cgutils.alloca_once(  # type: ignore[no-untyped-call]
                builder, context.get_data_type(element), size=size
            )

        return types.CPointer(element)(), generate  # type: ignore[no-untyped-call]

    return allocate


@njit(forceinline=True, error_model="numpy")
def advance(s0, s1, s2, s3):  # type: ignore[no-untyped-def]
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
def uniform(state):  # type: ignore[no-untyped-def]
    """Return a number in [0, 1); changes the state, shape (4,)."""
    bits, state[0], state[1], state[2], state[3] = advance(state[0], state[1], state[2], state[3])
    return np.float64(bits >> _11) * _UNIT


@njit(error_model="numpy")
def normal(state):  # type: ignore[no-untyped-def]
    """Return a standard normal number; changes the state, shape (4,)."""
    radius = sqrt(-2 * log(1 - uniform(state)))
    return radius * cos(2 * pi * uniform(state))


@njit(forceinline=True, error_model="numpy")
def place_ascending(values, places):  # type: ignore[no-untyped-def]
    """Write the place of each value in ascending order; equal values keep theirs. Branch-free."""
    for i in range(len(values)):
        place = 0
        for j in range(i):
            place += values[j] <= values[i]
        for j in range(i + 1, len(values)):
            place += values[j] < values[i]
        places[i] = place


def play(  # type: ignore[no-untyped-def]
    scores,
    quality,
    rank,
    model_of,
    task_of,
    models,
    group_of,
    groups,
    roster,
    evaluator_of,
    noise,
    malicious,
    beneficiary,
    costs,
    slope,
    alpha,
    initial,
    cap,
    rule_params,
    trust_params,
    attack,
    draws,
    renews_below,
    attack_params,
    checkpoints,
    states,
    sums,
    by_output,
    histogram,
):
    """Run replications. See :func:`poq.simulation.engine.run`, which prepares the arguments."""
    nodes = len(evaluator_of)
    n_outputs, n_nodes = np.uint64(len(quality)), np.uint64(nodes)
    one_roster = len(roster) == nodes and len(groups) == 2  # it is the pool
    noisy = len(noise) > 0

    trust = np.empty(nodes)
    seen = np.zeros(nodes, np.int32)  # the replication that last touched a node's trust
    node = carray(integers_k(), K)
    column = carray(integers_k(), K)
    bad = carray(integers_k(), K)
    given = carray(floats_k(), K)
    weight = carray(floats_k(), K)
    place = carray(integers_k(), K)
    ordered = carray(floats_k(), K)
    ordered_weight = carray(floats_k(), K)
    others = carray(floats_rest(), REST)
    others_weight = carray(floats_rest(), REST)
    deviation = carray(floats_k(), K)
    updated = carray(floats_k(), K)
    share = carray(floats_k(), K)
    charge = carray(floats_k(), K)
    earned = carray(floats_k(), K)
    sum_d = carray(floats_k(), K)
    sum_d_bad = carray(floats_k(), K)
    sum_r = carray(floats_k(), K)
    sum_r_bad = carray(floats_k(), K)
    sum_rr = carray(floats_k(), K)
    sum_rr_bad = carray(floats_k(), K)
    sum_bad = carray(floats_k(), K)
    sum_w = carray(floats_k(), K)
    sum_w_bad = carray(floats_k(), K)
    previous = np.empty(models)
    extra = np.empty(4, np.uint64)

    for replication in range(len(states)):
        s0, s1, s2, s3 = (
            states[replication, 0],
            states[replication, 1],
            states[replication, 2],
            states[replication, 3],
        )
        for i in range(4):
            extra[i] = states[replication, 4 + i]
        for i in range(models):
            previous[i] = np.nan
        bits, s0, s1, s2, s3 = advance(s0, s1, s2, s3)
        first = np.int64(((bits >> _32) * n_nodes) >> _32)
        stamp = replication + 1
        revealed = 5.0

        sum_c = sum_error = 0.0
        identities = at_cap = at_cap_bad = half_saturated = saturated = 0
        for i in range(K):
            sum_d[i] = sum_d_bad[i] = sum_w[i] = sum_w_bad[i] = sum_bad[i] = 0.0
            sum_r[i] = sum_r_bad[i] = sum_rr[i] = sum_rr_bad[i] = 0.0
        if initial >= cap:
            at_cap = nodes
            at_cap_bad = malicious

        played = 0
        for checkpoint in range(len(checkpoints)):
            while played < checkpoints[checkpoint]:
                # An output: a prompt and an inference node.
                bits, s0, s1, s2, s3 = advance(s0, s1, s2, s3)
                output = ((bits >> _32) * n_outputs) >> _32
                model = np.uint64(model_of[output])
                task = np.uint64(task_of[output])

                # K evaluator nodes that have a score (Floyd's sampling).
                start = np.int64(0)
                size = nodes
                if not one_roster:
                    group = group_of[output]
                    start = groups[group]
                    size = groups[group + 1] - start
                for i in range(K):
                    last = size - K + i
                    bits, s0, s1, s2, s3 = advance(s0, s1, s2, s3)
                    drawn = np.int64(((bits >> _32) * np.uint64(last + 1)) >> _32)
                    taken = False
                    for j in range(i):
                        taken |= place[j] == drawn
                    place[i] = last if taken else drawn
                for i in range(K):
                    node[i] = place[i] if one_roster else roster[start + place[i]]

                # What they report if they are honest, their trust.
                peer = np.nan
                for i in range(K):
                    n = np.uint64(node[i])
                    shifted = node[i] - first
                    if shifted < 0:
                        shifted += nodes
                    bad[i] = shifted < malicious
                    column[i] = evaluator_of[n]
                    weight[i] = trust[n] if seen[n] == stamp else initial
                    given[i] = scores[output, np.uint64(column[i])]
                    share[i] = bad[i]
                    charge[i] = costs[task, bad[i], np.uint64(column[i])]
                if noisy:
                    for i in range(K):
                        moved = given[i] + noise[np.uint64(node[i])] * normal(extra)
                        given[i] = min(max(moved, 0.0), 10.0)
                for i in range(K - 1, -1, -1):
                    if bad[i] == 0:
                        peer = given[i]

                # What they report.
                average = 5.0 + sum_c / played if played > 0 else 5.0
                own = np.int64(model) == beneficiary
                for i in range(K):
                    draw = 0.0
                    # Without a draw both outcomes are computed and one is taken: no branch.
                    if draws != NOTHING and bad[i]:
                        draw = uniform(extra) if draws == UNIFORM else normal(extra)
                    bent = manipulate(
                        attack,
                        given[i],
                        own,
                        weight[i] / cap,
                        peer,
                        revealed,
                        average,
                        draw,
                        attack_params,
                    )
                    given[i] = bent if bad[i] else given[i]
                if peer == peer:
                    revealed = peer

                # Their consensus.
                if SORTED:
                    place_ascending(given, place)
                    for i in range(K):
                        ordered[place[i]] = given[i]
                        ordered_weight[place[i]] = weight[i]
                    consensus = core(ordered, ordered_weight, rule_params)
                else:
                    consensus = core(given, weight, rule_params)

                # Evaluator rewards; a sum for each place in the sample, which vectorises.
                for i in range(K):
                    distance = abs(given[i] - consensus)
                    deviation[i] = distance * 0.1
                    earned[i] = alpha - slope * distance - charge[i]
                for i in range(K):
                    sum_d[i] += deviation[i]
                    sum_d_bad[i] += share[i] * deviation[i]
                    sum_r[i] += earned[i]
                    sum_r_bad[i] += share[i] * earned[i]
                    sum_rr[i] += earned[i] * earned[i]
                    sum_rr_bad[i] += share[i] * earned[i] * earned[i]
                    sum_bad[i] += share[i]

                # Trust.
                compared = True
                if LEAVE_ONE_OUT:
                    compared = K > 1
                    for i in range(K):
                        if K > 1:
                            k = 0
                            for j in range(K):
                                if SORTED:
                                    if j != place[i]:
                                        others[k] = ordered[j]
                                        others_weight[k] = ordered_weight[j]
                                        k += 1
                                elif j != i:
                                    others[k] = given[j]
                                    others_weight[k] = weight[j]
                                    k += 1
                            rest = core(others, others_weight, rule_params)
                            deviation[i] = abs(given[i] - rest) / 10
                if PREVIOUS:
                    compared = previous[model] == previous[model]
                    for i in range(K):
                        deviation[i] = abs(given[i] - previous[model]) / 10
                    previous[model] = consensus
                typical = 0.0
                if USES_TYPICAL:
                    place_ascending(deviation, place)
                    for i in range(K):
                        ordered[place[i]] = deviation[i]
                    typical = (ordered[(K - 1) // 2] + ordered[K // 2]) / 2
                for i in range(K):
                    updated[i] = weight[i]
                if compared:
                    update(updated, deviation, typical, trust_params)
                if renews_below > 0:
                    for i in range(K):
                        if bad[i] and updated[i] < renews_below:
                            updated[i] = initial
                            identities += 1
                for i in range(K):
                    n = np.uint64(node[i])
                    trust[n] = updated[i]
                    seen[n] = stamp
                for i in range(K):
                    gained = updated[i] - weight[i]
                    sum_w[i] += gained
                    sum_w_bad[i] += share[i] * gained
                changed = int(played == 0)
                for i in range(K):
                    changed += (updated[i] >= cap) != (weight[i] >= cap)
                if changed > 0:
                    for i in range(K):
                        reached = int(updated[i] >= cap) - int(weight[i] >= cap)
                        at_cap += reached
                        at_cap_bad += bad[i] * reached
                    if half_saturated == 0 and 2 * at_cap >= nodes:
                        half_saturated = played + 1
                    if saturated == 0 and at_cap == nodes:
                        saturated = played + 1

                # Statistics.
                played += 1
                c = consensus - 5
                sum_c += c
                sum_error += abs(consensus - quality[output])
                by_output[replication, output, 0] += 1
                by_output[replication, output, 1] += c
                by_output[replication, output, 2] += c * c
                bin_ = np.uint64(consensus * 100 + 0.5)
                histogram[replication, 0, bin_] += 1
                histogram[replication, 1, bin_] += rank[output]

            row = sums[replication, checkpoint]
            row[0], row[1] = sum_c, sum_error
            for i in range(K):
                row[2] += sum_d[i]
                row[3] += sum_d_bad[i]
                row[4] += sum_r[i]
                row[5] += sum_rr[i]
                row[6] += sum_r_bad[i]
                row[7] += sum_rr_bad[i]
                row[8] += sum_bad[i]
                row[10] += sum_w[i]
                row[11] += sum_w_bad[i]
            row[9] = identities
            row[10] += initial * nodes
            row[11] += initial * malicious
            row[12], row[13] = at_cap, at_cap_bad
            row[14], row[15] = half_saturated, saturated


def _choose(  # type: ignore[no-untyped-def]
    attack, score, own, standing, peer, revealed, average, draw, params
):
    """Return the score that the attack of a number reports; a link of a chain over all attacks."""
    if attack == NUMBER:
        return manipulate(score, own, standing, peer, revealed, average, draw, params)
    return otherwise(attack, score, own, standing, peer, revealed, average, draw, params)


@njit(forceinline=True, error_model="numpy")
def _unknown(  # type: ignore[no-untyped-def]
    attack, score, own, standing, peer, revealed, average, draw, params
):
    """End the chain: there is no attack of this number."""
    return np.nan


@cache
def _compiled(package: str, kind: str, name: str) -> Any:
    """Return a function of a kind, to be compiled into whatever calls it."""
    return njit(forceinline=True, **_INNER)(getattr(kinds.load(package, kind), name))


def _with(template: Callable[..., Any], name: str, constants: dict[str, Any]) -> Any:
    """Return a copy of a function under another name, with constants in place of globals."""
    function = FunctionType(template.__code__, template.__globals__ | constants, name)
    function.__qualname__ = name
    function.__module__ = template.__module__
    return function


@cache
def _manipulate() -> Any:
    """Return one function for all attacks, told apart by number.

    Attacks are cheap to tell apart while running and many: one compilation serves all of them.
    """
    chain = _unknown
    for number, kind in enumerate(ATTACKS):
        own = _compiled("poq.attacks", kind, "manipulate")
        constants = {"NUMBER": number, "manipulate": own, "otherwise": chain}
        chain = njit(forceinline=True, **_INNER)(_with(_choose, kind, constants))
    return chain


@cache
def specialize(rule: str, trust: str, k: int) -> Any:
    """Return :func:`play` compiled, on its first call, for a consensus rule, a trust update and K.

    It runs without Python's lock, so that threads can share the replications.
    """
    consensus = kinds.load("poq.consensus", rule)
    update = kinds.load("poq.trust", trust)
    code = provenance.code_digest(
        Path(__file__),
        [f"poq.consensus.{rule}", f"poq.trust.{trust}", *(f"poq.attacks.{a}" for a in ATTACKS)],
    )
    constants = {
        "K": k,
        "REST": max(k - 1, 1),
        "SORTED": consensus.SORTED,
        "LEAVE_ONE_OUT": update.COMPARES_WITH == "others",
        "PREVIOUS": update.COMPARES_WITH == "previous",
        "USES_TYPICAL": update.USES_TYPICAL,
        "floats_k": _on_stack(types.float64, k),
        "integers_k": _on_stack(types.int64, k),
        "floats_rest": _on_stack(types.float64, max(k - 1, 1)),
        "core": _compiled("poq.consensus", rule, "core"),
        "update": _compiled("poq.trust", trust, "update"),
        "manipulate": _manipulate(),
    }
    # The name is the key of the cache on disk, which looks at no function that this one calls.
    name = f"{rule}_{trust}_{k}_{code}"
    return njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract"})(
        _with(play, name, constants)
    )
