from .heatmap import PCHeatmapHead
from .regression import PCIntegralRegressionHead, PCRegressionHead

__all__ = ['PCHeatmapHead', 'PCIntegralRegressionHead', 'PCRegressionHead']
