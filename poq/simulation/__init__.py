"""Monte Carlo rounds of Proof of Quality over logged scores."""
