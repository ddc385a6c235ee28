from .items import Item, find_items
from .journal import Journal, JournalError
from .outputs import coco_results, csv_rows
from .predictor import PictureDataset, predict

__all__ = ['Item', 'Journal', 'JournalError', 'PictureDataset', 'coco_results', 'csv_rows', 'find_items', 'predict']
