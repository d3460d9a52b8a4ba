"""Lines in, lines out: files, folders, pipes and the terminal."""
