"""Fault drill: every stage is broken on purpose, mended as documented, and compared."""
