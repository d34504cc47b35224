"""The room of the thin runner, which trades what was judged. Nothing lives here yet."""
