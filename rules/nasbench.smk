"""NAS-Bench-201: look found cells up in the table; all values are in percent, as published."""


rule convert_table:
    """Convert published files of NAS-Bench-201 once to the compact table.

    Input: a CSV file, the official archive or NATS-Bench's, below `data_root`; output: one file.
    """
    input:
        os.path.join(DATA_ROOT, CONFIG.nasbench_table),
    output:
        NASBENCH_TABLE,
    log:
        f"{LOGS}/convert/table.log",
    benchmark:
        f"{BENCHMARKS}/convert/table.tsv"
    threads: ask("query").threads
    resources:
        **resources_of("query"),
    shell:
        "python -m pipeline convert"
        " --source {input:q}"
        " --out {output:q}"
        " 2> {log:q}"


rule make_digits_table:
    """Train every distinct cell of NAS-Bench-201 on digits, for our own small table.

    Input: manifest of the digits; output: the table. Takes two to four core-hours; can resume.
    """
    input:
        f"{DATA}/manifest.json".replace("{dataset}", "digits"),
    output:
        table=f"{NASBENCH_DIGITS}/nasbench_digits.csv.gz",
        metrics=f"{NASBENCH_DIGITS}/metrics.json",
        provenance=f"{NASBENCH_DIGITS}/provenance.json",
    log:
        f"{LOGS}/nasbench_digits.log",
    benchmark:
        f"{BENCHMARKS}/nasbench_digits.tsv"
    threads: ask("query").threads
    resources:
        mem_mb=ask("search").mem_mb,
        runtime=ask("search").runtime,
        gpu=0,
    params:
        out=NASBENCH_DIGITS,
    shell:
        "python -m pipeline digits-table"
        " --manifest {input:q}"
        " --out {params.out:q}"
        " --threads {threads}"
        " 2> {log:q}"


rule query_table:
    """Look up a NAS-Bench-201 genotype; without a table only the cell is written.

    Input: genotype, and the compact table if there is one; output: its row, rank, regret.
    """
    input:
        genotype=f"{GENOTYPE}/genotype.json",
        table=table_if_there,
    output:
        metrics=f"{QUERY}/metrics.json",
        provenance=f"{QUERY}/provenance.json",
    log:
        f"{LOGS}/query/{SEED}.log",
    benchmark:
        f"{BENCHMARKS}/query/{SEED}.tsv"
    wildcard_constraints:
        space="nasbench201",
        strategy="(?!table_)[A-Za-z0-9_]+",
    threads: ask("query").threads
    resources:
        **resources_of("query"),
        lookups=1,
    params:
        out=QUERY,
        table=table_option,
    shell:
        "python -m pipeline query"
        " --genotype {input.genotype:q}"
        " {params.table}"
        " --out {params.out:q}"
        " 2> {log:q}"


rule query_reference:
    """Look up reference rows of the table: its best values, and the cell equal to ResNet's block.

    Input: the compact table if there is one; output: a row of Table 5.
    """
    input:
        table=table_if_there,
    output:
        metrics=f"{QUERY}/metrics.json",
        provenance=f"{QUERY}/provenance.json",
    log:
        f"{LOGS}/query/{SEED}.log",
    benchmark:
        f"{BENCHMARKS}/query/{SEED}.tsv"
    wildcard_constraints:
        space="nasbench201",
        strategy="table_[a-z]+",
        seed="0",
    threads: ask("query").threads
    resources:
        **resources_of("query"),
    params:
        out=QUERY,
        reference=lambda wildcards: wildcards.strategy.removeprefix("table_"),
        table=table_option,
    shell:
        "python -m pipeline query"
        " --reference {params.reference}"
        " {params.table}"
        " --out {params.out:q}"
        " 2> {log:q}"
