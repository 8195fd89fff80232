"""Training deep networks (notebook 22): networks, first weights, normalisation, schedules, experiments."""
