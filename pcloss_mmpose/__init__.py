"""Position Constraint Loss for MMPose: importing this package registers every component.

MMPose's registries learn where the components are, as they know where MMPose's own are, and load them on first use. So
the import itself takes a fraction of a second, and ``pcloss --help`` with it.
"""

from functools import partial

from .compat import ON_IMPORT
from .import_hooks import on_import
from .registration import LOCATIONS, add_locations
from .requirements import check_requirements

__version__ = '0.2.0'

check_requirements()
for module, context in ON_IMPORT.items():
    on_import(module, context)
for package in LOCATIONS:
    on_import(package, partial(add_locations, package))
