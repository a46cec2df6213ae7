"""Trained evaluators: texts of known worth for calibration prompts, and fine-tuning on them."""
