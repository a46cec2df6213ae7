"""The analysis of a run: quality against cost, other rewards, what was published."""


def finding_tables(wildcards):
    """Return the tables that findings are measured on."""
    return {name: all_of(name) for name in findings.tables() if has(name)}


rule find_front:
    """Find the inference nodes that no other one beats on both quality and seconds."""
    input:
        quality=table("reference_quality"),
        costs=table("costs"),
    output:
        table("pareto"),
    log:
        logfile("find_front"),
    benchmark:
        benchmark_of("find_front")
    conda:
        "../../envs/core.yaml"
    params:
        settings={"resamples": cfg.bootstrap.resamples},
        seed=cfg.seed,
        code=code("find_front"),
    script:
        "../scripts/find_front.py"


rule study_rewards:
    """Pay the same rounds under other weights, and find where nodes swap places."""
    input:
        rounds=table("rounds"),
        ratings=table("ratings"),
        costs=table("costs"),
    output:
        study=table("reward_study"),
        flips=table("reward_flips"),
    log:
        logfile("study_rewards"),
    benchmark:
        benchmark_of("study_rewards")
    conda:
        "../../envs/core.yaml"
    params:
        settings={
            "reward": dump(cfg.reward),
            "study": dump(cfg.reward_study),
            "bootstrap": BOOTSTRAP,
        },
        seed=cfg.seed,
        code=code("study_rewards"),
    script:
        "../scripts/study_rewards.py"


rule compare_findings:
    """Set what this run found beside what was published."""
    input:
        unpack(finding_tables),
    output:
        table=table("findings"),
        html=report(
            results("findings.html"),
            caption="../../resources/captions/findings.rst",
            category="Findings",
        ),
    log:
        logfile("compare_findings"),
    benchmark:
        benchmark_of("compare_findings")
    conda:
        "../../envs/core.yaml"
    params:
        settings={
            "judge": cfg.judge(),
            "reward": dump(cfg.reward),
            "dimensions": {name: entry.kind for name, entry in cfg.dimensions.items()},
            "bootstrap": BOOTSTRAP,
        },
        seed=cfg.seed,
        code=code(
            "compare_findings", *(f"poq.findings.{name}" for name in findings.names())
        ),
    script:
        "../scripts/compare_findings.py"
