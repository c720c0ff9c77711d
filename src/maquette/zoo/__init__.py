"""Where weights come from: the catalogue, the cache, checkpoint reading."""
