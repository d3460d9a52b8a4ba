"""One module per corpus: problem declarations and the readers they use."""
