"""Reference-quality metrics of one output, and statistics over many."""
