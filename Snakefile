# Shapley-NAS: data -> search -> genotype -> query, retrain, transfer -> report.
# All path patterns are in pipeline/paths.py.
#
# results/{preset}/data/{dataset}/                                   manifest and split of a data set
# results/{preset}/{space}/{dataset}/{strategy}/seed{seed}/search/   supernet search
#                                                      .../genotype/ found cell: JSON, drawing, counts, model
#                                                      .../query/    its row of the NAS-Bench-201 table
#                                                      .../removal/, .../ranking/   measurements for Figures 2 and 5
#                                                      .../retrain/{target}/rseed{rseed}/  trained network
# results/{preset}/studies/{study}/{supernet}/{search,walk,draw}/     a study's supernets and measurements
#                                .../summary/measurements/           its tables
# results/{preset}/report/index.html                                 all results next to the paper's
# results/{preset}/report/figures/{experiment}/                      SVG, PNG and CSV of a figure
# results/{preset}/report/claims/{experiment}/                       verdicts on the paper's claims
# results/{preset}/state/                                            checkpoints, journals (not outputs of rules)
# results/{preset}/logs/, benchmarks/                                logs and benchmarks of each rule
configfile: "config/config.yaml"
configfile: "config/cluster.yaml"


container: "docker://python:3.11-slim"


include: "rules/common.smk"
include: "rules/resources.smk"
include: "rules/inputs.smk"
include: "rules/data.smk"
include: "rules/search.smk"
include: "rules/genotype.smk"
include: "rules/nasbench.smk"
include: "rules/figures.smk"
include: "rules/retrain.smk"
include: "rules/imagenet.smk"
include: "rules/report.smk"
include: "rules/drawings.smk"
include: "rules/supernets.smk"
include: "rules/studies.smk"
include: "rules/moments.smk"


rule all:
    default_target: True
    input:
        f"{PAGES}/index.html",
        figures_of(*CONFIG.experiments),
