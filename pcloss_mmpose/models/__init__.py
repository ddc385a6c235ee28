from .backbones import *  # noqa: F403
from .heads import *  # noqa: F403
from .integral import expected_bins, integral_coordinates  # noqa: F401
from .losses import *  # noqa: F403
from .necks import *  # noqa: F403
