"""Training of discrete networks: steps, ranks, checkpoints, evaluation."""
