# Made-up pictures in DeepFashion2's layout (DEEPFASHION2_ROOT, docs/deepfashion2.md): the 81 shared landmarks; MSRA
# heatmaps.
_base_ = [
    '../../configs/_base_/default_runtime.py',
    '../../configs/_base_/schedules/adam_600.py',
    '../../configs/_base_/models/spb_efflite0.py',
    '../../configs/_base_/datasets/deepfashion2-81_256x192.py',
]
codec = dict(input_size=(96, 128), heatmap_size=(24, 32), sigma=1.5)
encoder = dict(_base_.codec, **codec)

train_pipeline, val_pipeline = ([
    dict(step, input_size=codec['input_size']) if step['type'] == 'TopdownAffine' else step for step in pipeline
] for pipeline in (_base_.train_pipeline, _base_.val_pipeline))
train_dataloader = dict(
    batch_size=16, num_workers=0, persistent_workers=False, sampler=dict(_delete_=True, type='InfiniteSampler'),
    dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(num_workers=0, persistent_workers=False, dataset=dict(pipeline=val_pipeline))
test_dataloader = val_dataloader
val_evaluator = [
    dict(type='NormalizedError', norm='box'),
    dict(type='FailureModes', norm='box'),
]
test_evaluator = val_evaluator

fast = dict(channels_last=True, fused=True)
optim_wrapper = dict(optimizer=dict(lr=2e-3))
model = dict(
    data_preprocessor=dict(batch_augments=[dict(type='HeatmapTargets', encoder=encoder)]),
    backbone=dict(frozen_stages=2),
    head=dict(
        type='PCHeatmapHead',
        out_channels=81,
        decoder=encoder,
        integral=dict(alpha=30.),
        pc_loss=dict(
            type='PCLoss', topk=8, partition='left_right', metainfo='DeepFashion2SharedDataset', loss_weight=1e-4)))
