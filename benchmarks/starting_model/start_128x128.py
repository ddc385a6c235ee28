# A small SPB for 24 landmarks of garments, trained on drawings alone (START_ROOT, made by draw.py).
_base_ = [
    '../../configs/_base_/default_runtime.py',
    '../../configs/_base_/schedules/adam_600.py',
    '../../configs/_base_/models/spb_efflite0.py',
    '../../configs/_base_/datasets/coco_json_160x160.py',
]
data_root = '{{$START_ROOT:data/start}}'
metainfo = f'{data_root}/metainfo.py'
iterations = 12000
codec = dict(input_size=(128, 128), heatmap_size=(32, 32))

train_pipeline, val_pipeline = ([
    dict(step, input_size=codec['input_size']) if step['type'] == 'TopdownStretch' else step for step in pipeline
] for pipeline in (_base_.train_pipeline, _base_.val_pipeline))
garments = dict(data_root=data_root, data_prefix=dict(img='images'), metainfo=dict(from_file=metainfo))
train_dataloader = dict(batch_size=16, dataset=dict(garments, ann_file='train.json', pipeline=train_pipeline))
val_dataloader = dict(batch_size=16, dataset=dict(garments, ann_file='val.json', pipeline=val_pipeline))
test_dataloader = val_dataloader
val_evaluator = [dict(type='NormalizedError', norm='box'), dict(type='FailureModes', norm='box')]
test_evaluator = val_evaluator

fast = dict(channels_last=True, fused=True)
train_cfg = dict(max_iters=iterations, val_interval=2000)
default_hooks = dict(checkpoint=dict(interval=500, max_keep_ckpts=2))
optim_wrapper = dict(optimizer=dict(lr=1e-3))
param_scheduler = [
    dict(type='LinearLR', by_epoch=False, begin=0, end=100, start_factor=0.01),
    dict(type='CosineAnnealingLR', by_epoch=False, begin=100, end=iterations, eta_min=1e-5),
]
model = dict(
    data_preprocessor=dict(batch_augments=[dict(type='HeatmapTargets', encoder=dict(_base_.codec, **codec))]),
    # The first stages stay as photographs made them: drawings have other edges and textures.
    backbone=dict(frozen_stages=2),
    head=dict(
        type='PCHeatmapHead',
        out_channels=24,
        decoder=dict(_base_.codec, **codec),
        integral=dict(alpha=30.),
        pc_loss=dict(
            type='PCLoss', topk=8, partition='left_right', metainfo=metainfo, robust=True, loss_weight=3e-4)))
