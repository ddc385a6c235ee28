from .efficientnet_lite import EfficientNetLite0
from .vgg_bank import VGGBank

__all__ = ['EfficientNetLite0', 'VGGBank']
