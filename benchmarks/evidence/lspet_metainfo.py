_base_ = []  # keeps MMEngine from reading this file as its other style of config
from pcloss_mmpose.metainfo import build_dataset_info  # noqa: E402

dataset_info = build_dataset_info(
    dataset_name='lspet',
    landmarks=(
        'right_ankle', 'right_knee', 'right_hip', 'left_hip', 'left_knee', 'left_ankle', 'right_wrist', 'right_elbow',
        'right_shoulder', 'left_shoulder', 'left_elbow', 'left_wrist', 'neck', 'head_top'),
    outline=(
        ('right_ankle', 'right_knee'), ('right_knee', 'right_hip'), ('right_hip', 'left_hip'),
        ('right_wrist', 'right_elbow'), ('right_elbow', 'right_shoulder'), ('right_shoulder', 'neck'),
        ('right_hip', 'right_shoulder'), ('neck', 'head_top')))
