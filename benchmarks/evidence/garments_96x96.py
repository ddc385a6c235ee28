# Generated garments (GARMENTS_ROOT, docs/evidence.md): 24 landmarks, five categories; MSRA heatmaps.
_base_ = [
    '../../configs/_base_/default_runtime.py',
    '../../configs/_base_/schedules/adam_600.py',
    '../../configs/_base_/models/spb_efflite0.py',
    '../../configs/_base_/datasets/garments_128x128.py',
]
codec = dict(input_size=(96, 96), heatmap_size=(24, 24))
encoder = dict(_base_.codec, **codec)

train_pipeline, val_pipeline = ([
    dict(step, input_size=codec['input_size']) if step['type'] == 'TopdownStretch' else step for step in pipeline
] for pipeline in (_base_.train_pipeline, _base_.val_pipeline))
train_dataloader = dict(batch_size=16, dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=val_pipeline))
test_dataloader = val_dataloader
# A heatmap pixel is 15 % of T: an outlier is a landmark off by more than half of T.
val_evaluator = [
    dict(type='NormalizedError', norm='keypoint_pair'),
    dict(type='FailureModes', norm='keypoint_pair', threshold=0.5, near=0.1, apart=0.3),
]
test_evaluator = val_evaluator

fast = dict(channels_last=True, fused=True)
optim_wrapper = dict(optimizer=dict(lr=2e-3))
model = dict(
    data_preprocessor=dict(batch_augments=[dict(type='HeatmapTargets', encoder=encoder)]),
    backbone=dict(frozen_stages=2),
    head=dict(
        type='PCHeatmapHead',
        out_channels=24,
        decoder=encoder,
        integral=dict(alpha=30.),
        pc_loss=dict(type='PCLoss', partition='left_right', metainfo='FashionAIDataset', loss_weight=1e-3)))
