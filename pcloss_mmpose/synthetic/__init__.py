"""Drawn garments with landmarks: the embedded data on which everything can be tried without a download."""

from .deepfashion2 import draw_deepfashion2, write_deepfashion2
from .generate import GarmentSample, generate_sample, write_fashionai

__all__ = ['GarmentSample', 'draw_deepfashion2', 'generate_sample', 'write_deepfashion2', 'write_fashionai']
