from .page import report_page
from .results import RunResults, check_same_pictures, run_results

__all__ = ['RunResults', 'check_same_pictures', 'report_page', 'run_results']
