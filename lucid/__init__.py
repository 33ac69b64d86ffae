"""Train 1-D audio networks on your own Mac."""
