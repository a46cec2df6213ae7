"""Ratios between variants, measured in one run."""
