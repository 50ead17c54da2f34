"""What measures the engine and no feature needs: simulations, and finding real partnerships."""
