"""One module a stage of the workflow, each behind a verb: from files to files."""
