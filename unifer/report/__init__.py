"""Scores for people: tables in a terminal, figures on disk. Computes no score."""
