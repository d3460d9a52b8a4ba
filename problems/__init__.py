"""Problem declarations, one module for each corpus, and the readers that they share."""
