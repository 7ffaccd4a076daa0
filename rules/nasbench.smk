"""NAS-Bench-201: a found cell looked up in the table, all values in percent as published."""


rule query_table:
    """Look a NAS-Bench-201 genotype up; without a table the result says so.

    Input: genotype, and the compact table if it lies below `data_root`; output: its row, rank, regret.
    """
    input:
        genotype="results/{preset}/nasbench201/{dataset}/{strategy}/seed{seed}/genotype/genotype.json",
        table=table_if_there,
    output:
        metrics="results/{preset}/nasbench201/{dataset}/{strategy}/seed{seed}/query/metrics.json",
        provenance="results/{preset}/nasbench201/{dataset}/{strategy}/seed{seed}/query/provenance.json",
    log:
        "results/{preset}/logs/query/{dataset}/{strategy}/seed{seed}.log",
    benchmark:
        "results/{preset}/benchmarks/query/{dataset}/{strategy}/seed{seed}.tsv"
    threads: ask("query").threads
    resources:
        **resources_of("query"),
    params:
        out="results/{preset}/nasbench201/{dataset}/{strategy}/seed{seed}/query",
        table=lambda wildcards, input: (
            f"--table {quote(str(input.table))}" if input.table else ""
        ),
    shell:
        "python -m pipeline query"
        " --genotype {input.genotype:q}"
        " {params.table}"
        " --out {params.out:q}"
        " 2> {log:q}"
