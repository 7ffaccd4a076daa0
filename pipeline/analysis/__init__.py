"""Makes tables, figures and reports from finished runs; compares them with the paper."""
