from .finest_fpn import FinestFPN
from .selective_dilated_conv import SelectiveDilatedConv

__all__ = ['FinestFPN', 'SelectiveDilatedConv']
