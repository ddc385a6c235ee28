"""Prediction on many images. What is light is imported here; ``predictor``, ``job`` and ``detector`` need torch."""

from .items import Item, find_items
from .journal import Journal
from .outputs import coco_results, csv_rows

__all__ = ['Item', 'Journal', 'coco_results', 'csv_rows', 'find_items']
