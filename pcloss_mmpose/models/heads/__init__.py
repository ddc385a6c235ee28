from .fashionnet import FashionNetHead, PCFashionNetHead
from .heatmap import PCHeatmapHead
from .regression import PCIntegralRegressionHead, PCRegressionHead

__all__ = ['FashionNetHead', 'PCFashionNetHead', 'PCHeatmapHead', 'PCIntegralRegressionHead', 'PCRegressionHead']
