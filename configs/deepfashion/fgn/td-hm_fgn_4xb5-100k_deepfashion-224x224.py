_base_ = [
    '../../_base_/default_runtime.py', '../../_base_/schedules/adam_100k.py', '../../_base_/models/fgn.py',
    '../../_base_/datasets/deepfashion_224x224.py'
]
model = dict(
    data_preprocessor=dict(batch_augments=[dict(type='HeatmapTargets', encoder=_base_.codec)]),
    head=dict(out_channels=8, metainfo=_base_.dataset_type, decoder=_base_.codec))
