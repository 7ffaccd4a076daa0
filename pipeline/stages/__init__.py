"""The stages of the workflow, one module each; verbs call stages, which read and write files."""
