_base_ = [
    '../../_base_/default_runtime.py', '../../_base_/schedules/adam_100k.py', '../../_base_/models/fpn_res50.py',
    '../../_base_/datasets/fashionai_512x512.py'
]
model = dict(
    data_preprocessor=dict(batch_augments=[dict(type='HeatmapTargets', encoder=_base_.codec)]),
    head=dict(out_channels=24, decoder=_base_.codec))
