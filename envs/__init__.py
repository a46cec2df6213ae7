"""Conda environments: one file per stage, and the module that writes them."""
