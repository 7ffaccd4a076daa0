"""Settings: frozen models, presets, experiments."""
