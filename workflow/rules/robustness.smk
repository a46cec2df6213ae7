"""Robust PoQ: grids of simulated networks under attack, trust over time, which rule to choose."""

ROBUSTNESS = cfg.robustness
OWN = {"seed": cfg.seed, "reward": cfg.reward}
GRIDS = {name: ROBUSTNESS.grid(name, **OWN) for name in ROBUSTNESS.grids}
TRUST_GRID = ROBUSTNESS.trust_grid(**OWN)
CONTRAST_GRID = ROBUSTNESS.contrast_grid(**OWN)
DROP_IN_GRID = ROBUSTNESS.drop_in_grid(**OWN)
LOGGED_SCORES = {
    "scores": [table("scores", evaluator=evaluator) for evaluator in cfg.pool()],
    "quality": table("reference_quality"),
    "costs": table("costs"),
}
# What every simulation here is told besides its cells.
SIMULATED = {
    "pool": {
        "reference": REFERENCES,
        "evaluators": list(cfg.pool()),
        "nodes": ROBUSTNESS.evaluator_nodes,
        "noise": ROBUSTNESS.noise,
    },
    "confidence": cfg.bootstrap.confidence,
}
# What stands beside the composite: evaluators that see no more than it does.
DROP_IN = ROBUSTNESS.drop_in
BESIDE = [name for name in cfg.pool() if DROP_IN.signals == "all" or cfg.is_live(name)]


def logged_cell(wildcards):
    """Return the cell whose rounds are logged."""
    return ROBUSTNESS.cell(
        wildcards.consensus,
        wildcards.trust,
        wildcards.attack,
        malicious_ratio=float(wildcards.malicious_ratio),
        evaluators_per_round=int(wildcards.k),
        **OWN,
    )


def grid_settings(wildcards):
    """Return what the simulations of a grid depend on."""
    return SIMULATED | {"grid": dump(GRIDS[wildcards.grid])}


def grid_code(wildcards):
    """Return the code digest of a grid's simulations, with its kinds."""
    return code("study_robustness", *GRIDS[wildcards.grid].modules())


rule study_robustness:
    """Simulate the cells of one shard of a grid, on the prompts of both splits."""
    input:
        **LOGGED_SCORES,
    output:
        robustness=temp(shard_of("robustness")),
        break_even=temp(shard_of("break_even")),
    log:
        logfile("study_robustness/{grid}/{scatteritem}"),
    benchmark:
        benchmark_of("study_robustness/{grid}/{scatteritem}")
    wildcard_constraints:
        grid="|".join(GRIDS),
    conda:
        "../../envs/core.yaml"
    threads: ROBUSTNESS.threads
    params:
        settings=grid_settings,
        seed=cfg.seed,
        code=grid_code,
    script:
        "../scripts/study_robustness.py"


rule merge_robustness:
    """Put the cells of one grid together."""
    input:
        robustness=gather.simulation(shard_of("robustness"), allow_missing=True),
        break_even=gather.simulation(shard_of("break_even"), allow_missing=True),
    output:
        robustness=table("robustness"),
        break_even=table("break_even"),
    log:
        logfile("merge_robustness/{grid}"),
    benchmark:
        benchmark_of("merge_robustness/{grid}")
    wildcard_constraints:
        grid="|".join(GRIDS),
    conda:
        "../../envs/core.yaml"
    params:
        settings=grid_settings,
        seed=cfg.seed,
        code=merged_code(grid_code, "merge_robustness"),
    script:
        "../scripts/merge_robustness.py"


rule trace_trust:
    """Trace trust over the rounds, under several trust updates."""
    input:
        **LOGGED_SCORES,
    output:
        table("trust_trajectories"),
    log:
        logfile("trace_trust"),
    benchmark:
        benchmark_of("trace_trust")
    conda:
        "../../envs/core.yaml"
    threads: ROBUSTNESS.threads
    params:
        settings=SIMULATED | {"grid": dump(TRUST_GRID)},
        seed=cfg.seed,
        code=code("trace_trust", *TRUST_GRID.modules()),
    script:
        "../scripts/trace_trust.py"


rule recommend_rules:
    """Choose rule, trust update and K for every threat level; report on other prompts."""
    input:
        **LOGGED_SCORES,
        robustness=[table("robustness", grid=name) for name in GRIDS],
    output:
        table=table("recommendations"),
        html=report(
            results("recommendations.html"),
            caption="../../resources/captions/recommendations.rst",
            category="Recommendations",
        ),
    log:
        logfile("recommend_rules"),
    benchmark:
        benchmark_of("recommend_rules")
    conda:
        "../../envs/core.yaml"
    threads: ROBUSTNESS.threads
    params:
        settings=SIMULATED
        | {
            "grids": {name: dump(grid) for name, grid in GRIDS.items()},
            "resamples": ROBUSTNESS.resamples,
        },
        seed=cfg.seed,
        code=code(
            "recommend_rules",
            *sorted({module for grid in GRIDS.values() for module in grid.modules()}),
        ),
    script:
        "../scripts/recommend_rules.py"


rule contrast_attacks:
    """Measure what the findings of robust PoQ rest on, with intervals over prompts."""
    input:
        **LOGGED_SCORES,
    output:
        table("contrasts"),
    log:
        logfile("contrast_attacks"),
    benchmark:
        benchmark_of("contrast_attacks")
    conda:
        "../../envs/core.yaml"
    threads: ROBUSTNESS.threads
    params:
        settings=SIMULATED
        | {"grid": dump(CONTRAST_GRID), "resamples": ROBUSTNESS.contrast_resamples},
        seed=cfg.seed,
        code=code("contrast_attacks", *CONTRAST_GRID.modules()),
    script:
        "../scripts/contrast_attacks.py"


rule study_drop_in:
    """Put a composite in the place of the evaluators, and beside them, under attack."""
    input:
        scores=[table("scores", evaluator=evaluator) for evaluator in BESIDE],
        quality=table("reference_quality"),
        costs=table("costs"),
        composites=table("composites"),
    output:
        table("drop_in"),
    log:
        logfile("study_drop_in"),
    benchmark:
        benchmark_of("study_drop_in")
    conda:
        "../../envs/core.yaml"
    threads: ROBUSTNESS.threads
    params:
        settings={
            "pool": SIMULATED["pool"] | {"evaluators": BESIDE},
            "confidence": cfg.bootstrap.confidence,
            "composite": DROP_IN.model_dump(include={"signals", "scope", "variant"}),
            "defences": dump(DROP_IN.consensus),
            "grid": dump(DROP_IN_GRID),
            "resamples": ROBUSTNESS.resamples,
        },
        seed=cfg.seed,
        code=code("study_drop_in", *DROP_IN_GRID.modules()),
    script:
        "../scripts/study_drop_in.py"


rule log_rounds:
    """On request, write every rating of one simulated replication."""
    input:
        **LOGGED_SCORES,
    output:
        table("round_log"),
    log:
        logfile(
            "log_rounds/{consensus}/{trust}/{attack}/{k}/{malicious_ratio}/{replication}"
        ),
    benchmark:
        benchmark_of(
            "log_rounds/{consensus}/{trust}/{attack}/{k}/{malicious_ratio}/{replication}"
        )
    wildcard_constraints:
        consensus="|".join(ROBUSTNESS.consensus),
        trust="|".join(ROBUSTNESS.trust),
        attack="|".join(ROBUSTNESS.attacks),
        k=r"\d+",
        malicious_ratio=r"[01]|0?\.\d+|1\.0",
        replication=r"\d+",
    conda:
        "../../envs/core.yaml"
    params:
        settings=lambda wildcards: SIMULATED
        | {
            "cell": dump(logged_cell(wildcards)),
            "replication": int(wildcards.replication),
        },
        seed=cfg.seed,
        code=lambda wildcards: code(
            "log_rounds",
            f"poq.consensus.{ROBUSTNESS.consensus[wildcards.consensus].kind}",
            f"poq.trust.{ROBUSTNESS.trust[wildcards.trust].kind}",
            f"poq.attacks.{ROBUSTNESS.attacks[wildcards.attack].kind}",
        ),
    script:
        "../scripts/log_rounds.py"
