"""The losses, heads, necks and backbones that stock MMPose lacks."""

from ..compat import finite_jensen_shannon
from .backbones import *  # noqa: F403
from .heads import *  # noqa: F403
from .heatmap_targets import HeatmapTargets  # noqa: F401
from .integral import expected_bins, integral_coordinates  # noqa: F401
from .losses import *  # noqa: F403
from .necks import *  # noqa: F403
from .simcc_targets import SimCCTargets  # noqa: F401

finite_jensen_shannon()
