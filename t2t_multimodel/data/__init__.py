"""Problems' contracts, records, vocabularies, batching and mixing."""
