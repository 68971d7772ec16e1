"""Answering the benchmark and scoring the answers.

Stages meet at records on disk: nothing here trains or prepares.
"""
