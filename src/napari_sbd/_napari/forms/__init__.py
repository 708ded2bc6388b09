"""The parts that our dock widgets are made of."""
