"""Calibration: how dimensions become one quality, chosen on one split, reported on another."""
