# /// script
# requires-python = ">=3.11,<3.13"
# dependencies = ["radcad==0.14.0", "typing-extensions"]
# ///
"""The benchmark's model in radCAD, in its leanest formulation: one state update, no copies.

It adds up what the kernel does, or only the eight sums that consensus alignment and mean reward
need.

radCAD asks for NumPy 1, so benchmarks/simulation.py runs this script in an environment of its own
(``uv run``). It reads the model as one line of JSON, then a number of rounds a line, and answers
each with CPU seconds and mean consensus.
"""

import json
import random
import sys
import time

from radcad import Backend, Engine, Experiment, Model, Simulation


def update_of(model):
    """Return the state update function: one round on plain Python numbers."""
    scores, quality, costs = model["scores"], model["quality"], model["costs"]
    nodes, k, malicious = model["nodes"], model["k"], model["malicious"]
    median = model["consensus"] == "median"
    rate, low, cap, shift = model["rate"], model["minimum"], model["maximum"], model["shift"]
    alpha, beta = model["alpha"], model["beta"]
    ranks, every_sum = model["ranks"], model["every_sum"]
    draw, sample, pool = random.random, random.sample, range(nodes)

    def update(params, substep, history, previous, policy):
        state = previous["state"]
        trust, sums, many, by_output, histogram, saturated = state
        prompt, inference = int(draw() * len(scores)), int(draw() * len(scores[0]))
        sampled = sample(pool, k)
        row = scores[prompt][inference]
        given = [min(row[n] + shift, 10.0) if n < malicious else row[n] for n in sampled]
        if median:
            agreed = sorted(given)[k // 2]
        else:
            weights = [trust[n] for n in sampled]
            agreed = sum(w * s for w, s in zip(weights, given, strict=True)) / sum(weights)
        paid = 0.0
        for n, s in zip(sampled, given, strict=True):
            d = abs(s - agreed) / 10
            reward = alpha * (1 - d) - beta * costs[n]
            paid += reward
            before = trust[n]
            trust[n] = after = min(max(before * (1 + rate * (0.5 - d)), low), cap)
            if every_sum:
                reached = (after >= cap) - (before >= cap)
                many[0] += d
                many[1] += reward * reward
                many[2] += after - before
                many[3] += reached
                if n < malicious:
                    many[4] += 1
                    many[5] += d
                    many[6] += reward
                    many[7] += reward * reward
                    many[8] += after - before
                    many[9] += reached
        truth = quality[prompt][inference]
        if every_sum:
            served = by_output[prompt][inference]
            served[0] += 1
            served[1] += agreed - 5
            bin_ = histogram[int(agreed * 100 + 0.5)]
            bin_[0] += 1
            bin_[1] += ranks[prompt][inference]
            if not saturated[0] and 2 * many[3] >= nodes:
                saturated[0] = sums[0] + 1
            if not saturated[1] and many[3] == nodes:
                saturated[1] = sums[0] + 1
        sums[0] += 1
        sums[1] += agreed
        sums[2] += agreed * agreed
        sums[3] += truth
        sums[4] += truth * truth
        sums[5] += agreed * truth
        sums[6] += abs(agreed - truth)
        sums[7] += paid
        return "state", state

    return update


def main():
    """Answer requests until the input ends."""
    model = json.loads(sys.stdin.readline())
    update = update_of(model)
    for line in sys.stdin:
        by_output = [[[0, 0.0] for _ in row] for row in model["quality"]]
        histogram = [[0, 0.0] for _ in range(1001)]
        state = ([1.0] * model["nodes"], [0.0] * 8, [0.0] * 10, by_output, histogram, [0, 0])
        simulation = Simulation(
            model=Model(
                initial_state={"state": state},
                state_update_blocks=[{"policies": {}, "variables": {"state": update}}],
                params={},
            ),
            timesteps=int(line),
            runs=1,
        )
        experiment = Experiment([simulation])
        experiment.engine = Engine(
            backend=Backend.SINGLE_PROCESS, deepcopy=False, drop_substeps=True
        )
        start = time.process_time()
        experiment.run()
        seconds = time.process_time() - start
        _, sums, *_ = experiment.results[-1]["state"]
        print(seconds, sums[1] / sums[0], flush=True)


if __name__ == "__main__":
    main()
