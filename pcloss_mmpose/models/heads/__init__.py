from .dfa import DFAHead, PCDFAHead
from .dlan import DLANHead, PCDLANHead
from .fashionnet import FashionNetHead, PCFashionNetHead
from .fgn import FGNHead, PCFGNHead
from .heatmap import PCCPMHead, PCHeatmapHead, PCHeatmapMixin, PCMSPNHead, PCViPNASHead
from .pc_mixin import PCLossMixin
from .regression import PCDSNTHead, PCIntegralRegressionHead, PCRegressionHead, PCRLEHead
from .simcc import PCRTMCCHead, PCRTMWHead, PCSimCCHead, PCSimCCMixin

__all__ = [
    'DFAHead', 'DLANHead', 'FGNHead', 'FashionNetHead', 'PCCPMHead', 'PCDFAHead', 'PCDLANHead', 'PCDSNTHead',
    'PCFGNHead', 'PCFashionNetHead', 'PCHeatmapHead', 'PCHeatmapMixin', 'PCIntegralRegressionHead', 'PCLossMixin',
    'PCMSPNHead', 'PCRLEHead', 'PCRTMCCHead', 'PCRTMWHead', 'PCRegressionHead', 'PCSimCCHead', 'PCSimCCMixin',
    'PCViPNASHead'
]
