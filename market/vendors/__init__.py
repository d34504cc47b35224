"""Other people's files: one module for each format, registered in `formats`; `door` is where they come in."""
