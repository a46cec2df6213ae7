"""The PoQ run: Monte Carlo rounds over the logged scores, and what every node earns."""


rule simulate_rounds:
    """Draw the rounds and form their consensus."""
    input:
        [table("scores", evaluator=evaluator) for evaluator in cfg.pool()],
    output:
        rounds=table("rounds"),
        ratings=table("ratings"),
    log:
        logfile("simulate_rounds"),
    benchmark:
        benchmark_of("simulate_rounds")
    conda:
        "../../envs/core.yaml"
    params:
        settings=dump(cfg.simulation) | {"pool": list(cfg.pool())},
        seed=cfg.seed,
        code=code("simulate_rounds", f"poq.consensus.{cfg.simulation.consensus.kind}"),
    script:
        "../scripts/simulate_rounds.py"


rule pay_nodes:
    """Pay every node for its quality, less its cost."""
    input:
        rounds=table("rounds"),
        ratings=table("ratings"),
        costs=table("costs"),
    output:
        table("rewards"),
    log:
        logfile("pay_nodes"),
    benchmark:
        benchmark_of("pay_nodes")
    conda:
        "../../envs/core.yaml"
    params:
        settings={"reward": dump(cfg.reward), "bootstrap": BOOTSTRAP},
        seed=cfg.seed,
        code=code("pay_nodes"),
    script:
        "../scripts/pay_nodes.py"
