_base_ = [
    '../../_base_/default_runtime.py', '../../_base_/schedules/adam_600.py', '../../_base_/models/spb_efflite0.py',
    '../../_base_/datasets/deepfashion_160x160.py'
]
model = dict(
    data_preprocessor=dict(batch_augments=[dict(type='HeatmapTargets', encoder=_base_.codec)]),
    head=dict(out_channels=8, decoder=_base_.codec))
