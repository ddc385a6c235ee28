from .crops import CropRule, crop_rule
from .graph import OUTPUTS, DeployGraph, decode_heatmaps

__all__ = ['OUTPUTS', 'CropRule', 'DeployGraph', 'crop_rule', 'decode_heatmaps']
