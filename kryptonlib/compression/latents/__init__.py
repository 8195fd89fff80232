"""What a trained codec's latents are like: their distributions (``families``), what one coefficient draws and what drives it
(``atoms``), how that compares with a DCT (``likeness``), and the figures of notebook 09 (``drawing``)."""
