"""Counterfactual faces: families of drawn faces that differ in one thing each, as a test set of its own."""
