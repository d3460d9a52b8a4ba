"""Pages and files that the server gives."""
