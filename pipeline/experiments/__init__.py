"""Studies that take longer than a bench: resumable, summarised as measurements."""
