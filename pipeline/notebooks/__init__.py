"""What the notebooks of `notebooks/` read and draw, and how they are run and made into pages."""
