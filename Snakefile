"""Proof of Quality, from prompts to report: the table of contents.

snakemake -c2                                          the whole run of config/config.yaml
snakemake -c2 --configfile my.yaml                     the whole run of another configuration
snakemake -c2 results/demo/figures/quality_cost.svg    one figure and just what it needs
snakemake -c2 results/demo/simulation/recommendations.parquet    which rule, which K under attack
"""

from snakemake.utils import min_version

min_version("9.13")


# A configuration stands alone: the default is read only if none is given.
if not workflow.configfiles:

    configfile: "config/config.yaml"


report: "resources/captions/workflow.rst"


include: "workflow/rules/common.smk"
include: "workflow/rules/access.smk"  # what must be within reach, checked before the first job
include: "workflow/rules/prompts.smk"  # build_prompts
include: "workflow/rules/models.smk"  # fetch_model
include: "workflow/rules/logs.smk"  # read_logs
include: "workflow/rules/generate.smk"  # generate_outputs, merge_outputs, measure_quality, average_quality
include: "workflow/rules/train.smk"  # build_examples, train_evaluator
include: "workflow/rules/score.smk"  # score_outputs, scale_scores, estimate_reliability
include: "workflow/rules/costs.smk"  # profile_node, profile_evaluator, normalize_costs
include: "workflow/rules/simulate.smk"  # simulate_rounds, pay_nodes
include: "workflow/rules/analysis.smk"  # find_front, study_rewards, compare_findings
include: "workflow/rules/figures.smk"  # plot_figure
include: "workflow/rules/robustness.smk"  # study_robustness, merge_robustness, trace_trust, recommend_rules, contrast_attacks, study_drop_in, log_rounds
include: "workflow/rules/dimensions.smk"  # compare_outputs, measure_dimensions, audit_dimensions
include: "workflow/rules/calibrate.smk"  # calibrate_composites
include: "workflow/rules/summary.smk"  # record_config, summarize_run, seal_run


rule all:
    """The finished run: every table, every figure, the summary, the seal."""
    default_target: True
    input:
        table("quality"),
        table("reliability"),
        table("rewards"),
        table("findings"),
        [
            table(name, grid=grid)
            for name in ("robustness", "break_even")
            for grid in GRIDS
        ],
        table("trust_trajectories"),
        table("recommendations"),
        [
            table(name)
            for name in (
                "dimension_audit",
                "dimension_redundancy",
                "composites",
                "calibration",
                "drop_in",
            )
            if has(name)
        ],
        [figure(name) for name in FIGURES],
        results("summary.txt"),
        results("SHA256SUMS"),
