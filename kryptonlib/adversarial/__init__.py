"""Generative adversarial networks: the game between a generator and a discriminator, from one dimension to digits."""
