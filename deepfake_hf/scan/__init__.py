"""Many files to one table: listing, deduplication, worker processes or a Ray cluster, and results that resume."""
