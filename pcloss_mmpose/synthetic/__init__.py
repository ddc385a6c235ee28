"""Drawn garments with landmarks: the embedded data on which everything can be tried without a download."""

from .generate import GarmentSample, generate_sample, write_fashionai

__all__ = ['GarmentSample', 'generate_sample', 'write_fashionai']
