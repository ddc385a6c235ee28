from .partition import load_metainfo, partition_from_metainfo
from .position_constraint import PCLoss, position_constraint_loss

__all__ = ['PCLoss', 'load_metainfo', 'partition_from_metainfo', 'position_constraint_loss']
