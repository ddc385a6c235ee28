from .partition import partition_from_metainfo
from .position_constraint import PCLoss, position_constraint_loss

__all__ = ['PCLoss', 'partition_from_metainfo', 'position_constraint_loss']
