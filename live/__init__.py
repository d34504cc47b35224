"""The thin runner: what was judged is what trades. Not built yet."""
