# People in sport (LSPET_ROOT, docs/evidence.md), small enough for a CPU: the comparison of structural losses.
_base_ = [
    '../../configs/_base_/default_runtime.py',
    '../../configs/_base_/schedules/adam_600.py',
    '../../configs/_base_/models/spb_efflite0.py',
    '../../configs/_base_/datasets/coco_json_160x160.py',
]
data_root = '{{$LSPET_ROOT:data/lspet}}'
metainfo = '{{ fileDirname }}/lspet_metainfo.py'
iterations = 900
codec = dict(input_size=(96, 96), heatmap_size=(24, 24))

train_pipeline, val_pipeline = ([
    dict(step, input_size=codec['input_size']) if step['type'] == 'TopdownStretch' else step for step in pipeline
] for pipeline in (_base_.train_pipeline, _base_.val_pipeline))
data = dict(data_root=data_root, data_prefix=dict(img='images'), metainfo=dict(from_file=metainfo))
train_dataloader = dict(batch_size=16, dataset=dict(data, ann_file='train.json', pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(data, ann_file='val.json', pipeline=val_pipeline))
test_dataloader = val_dataloader
# A landmark is an outlier above 20 % of the box; a duplicate is a pair found within 4 % that lies over 12 % apart.
val_evaluator = [
    dict(type='NormalizedError', norm='box'),
    dict(type='FailureModes', norm='box', threshold=0.2, near=0.04, apart=0.12),
]
test_evaluator = val_evaluator

fast = dict(channels_last=True, fused=True)
train_cfg = dict(max_iters=iterations, val_interval=iterations)
optim_wrapper = dict(optimizer=dict(lr=2e-3))
param_scheduler = [
    dict(type='LinearLR', by_epoch=False, begin=0, end=50, start_factor=0.01),
    dict(type='CosineAnnealingLR', by_epoch=False, begin=50, end=iterations, eta_min=1e-5),
]
model = dict(
    data_preprocessor=dict(batch_augments=[dict(type='HeatmapTargets', encoder=dict(_base_.codec, **codec))]),
    backbone=dict(frozen_stages=2),
    head=dict(
        type='PCHeatmapHead',
        out_channels=14,
        decoder=dict(_base_.codec, **codec),
        integral=dict(alpha=30.),
        pc_loss=dict(type='PCLoss', partition='left_right', metainfo=metainfo, loss_weight=1e-3)))
