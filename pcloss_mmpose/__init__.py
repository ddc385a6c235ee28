"""Position Constraint Loss for MMPose: importing this package registers every component.

MMPose's registries learn where the components are, as they know where MMPose's own are, and load them on first use. So
the import itself takes a fraction of a second, and ``pcloss --help`` with it.
"""

from .compat import (
                     on_import,
                     one_test_log,
                     protected_resume,
                     radius_as_number,
                     stand_in_for_mmcv_ops,
                     stand_in_for_xtcocotools,
)
from .registration import add_locations
from .requirements import check_requirements

__version__ = '0.2.0'

check_requirements()
on_import('mmpose', stand_in_for_xtcocotools)
on_import('mmcv.ops', stand_in_for_mmcv_ops)
on_import('mmpose.visualization.opencv_backend_visualizer', radius_as_number)
on_import('mmengine.hooks.logger_hook', one_test_log)
on_import('torch', protected_resume)
on_import('mmpose.registry', add_locations)
