"""From runs on disk to intervals, tables beside the paper's, figures and the report."""
