from .fashionnet import FashionNetHead, PCFashionNetHead
from .heatmap import PCCPMHead, PCHeatmapHead, PCMSPNHead, PCViPNASHead
from .regression import PCDSNTHead, PCIntegralRegressionHead, PCRegressionHead, PCRLEHead
from .simcc import PCRTMCCHead, PCRTMWHead, PCSimCCHead

__all__ = [
    'FashionNetHead', 'PCCPMHead', 'PCDSNTHead', 'PCFashionNetHead', 'PCHeatmapHead', 'PCIntegralRegressionHead',
    'PCMSPNHead', 'PCRLEHead', 'PCRTMCCHead', 'PCRTMWHead', 'PCRegressionHead', 'PCSimCCHead', 'PCViPNASHead'
]
