from .load import load_run
from .page import report_page
from .results import RunResults, check_same_images, run_results
from .summary import summary_sentence

__all__ = ['RunResults', 'check_same_images', 'load_run', 'report_page', 'run_results', 'summary_sentence']
