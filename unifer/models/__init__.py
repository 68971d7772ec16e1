"""Models and the engines that run them: the only room beside `train` that knows torch."""
