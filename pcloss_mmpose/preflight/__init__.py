"""What would end a training after hours, found before it begins."""

from .config import config_findings
from .finite_loss import FiniteLossHook
from .hook import TrainingCheckHook, checked_training
from .landmarks import check_landmarks, count_landmarks
from .rehearsal import rehearse

__all__ = [
    'FiniteLossHook', 'TrainingCheckHook', 'check_landmarks', 'checked_training', 'config_findings', 'count_landmarks',
    'rehearse'
]
