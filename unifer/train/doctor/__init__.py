"""Can this machine carry this run: packages, machine, data, memory, and what the run costs on a card."""
