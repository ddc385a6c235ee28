from .bones import BoneVectorLoss
from .coordinates import CoordinateLoss
from .oks import KeypointSimilarityLoss
from .pair_variance import PairVarianceLoss
from .partition import partition_from_metainfo
from .position_constraint import PCLoss, position_constraint_loss
from .shape_prior import ShapePriorLoss
from .star import STARLoss
from .structural import StructuralLoss

__all__ = [
    'BoneVectorLoss', 'CoordinateLoss', 'KeypointSimilarityLoss', 'PCLoss', 'PairVarianceLoss', 'STARLoss',
    'ShapePriorLoss', 'StructuralLoss', 'partition_from_metainfo', 'position_constraint_loss'
]
