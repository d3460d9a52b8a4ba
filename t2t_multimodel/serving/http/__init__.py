"""The server: raw text, pictures and sound in, answers out."""
