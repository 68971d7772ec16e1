"""UniFER: post-training and benchmarking of multimodal LLMs that read facial expressions."""

__version__ = "0.1.0"
