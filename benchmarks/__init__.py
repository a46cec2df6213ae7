"""Benchmarks: ratios between variants in one run; see README.md."""
