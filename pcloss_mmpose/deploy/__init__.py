"""Trained models for use: published checkpoints, and ONNX graphs with the rule of their crops."""
