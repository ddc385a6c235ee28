# MMDetection's RTMDet-s for the 13 categories: its own pipelines and, in proportion, its schedule. 36 epochs of
# DeepFashion2 are as many images as 58 of COCO.
_base_ = 'mmdet::rtmdet/rtmdet_s_8xb32-300e_coco.py'
custom_imports = dict(imports=['pcloss_mmpose'], allow_failed_imports=False)
dataset_type = 'DeepFashion2BoxDataset'
data_root = '{{$DEEPFASHION2_ROOT:data/deepfashion2}}'
model = dict(bbox_head=dict(num_classes=13))
test_pipeline = [  # the metric takes the true boxes from the samples
    *_base_.test_pipeline[:-1],
    dict(type='PackDetInputs', meta_keys=(*_base_.test_pipeline[-1].meta_keys, 'instances')),
]

train_dataloader = dict(dataset=dict(
    type=dataset_type, data_root=data_root, ann_file='train/annos', data_prefix=dict(img='train/image'),
    filter_cfg=dict(_delete_=True, filter_empty_gt=True)))
val_dataloader = dict(dataset=dict(
    type=dataset_type, data_root=data_root, ann_file='validation/annos', data_prefix=dict(img='validation/image'),
    pipeline=test_pipeline))
test_dataloader = val_dataloader
val_evaluator = dict(_delete_=True, type='CocoMetric', metric='bbox', classwise=True)
test_evaluator = val_evaluator

max_epochs = 36
stage2_num_epochs = 4
train_cfg = dict(max_epochs=max_epochs, val_interval=4, dynamic_intervals=[(max_epochs - stage2_num_epochs, 1)])
param_scheduler = [
    dict(type='LinearLR', start_factor=1e-5, by_epoch=False, begin=0, end=1000),
    dict(type='CosineAnnealingLR', eta_min=1e-4, begin=max_epochs // 2, end=max_epochs, T_max=max_epochs // 2,
         by_epoch=True, convert_to_iter_based=True),
]
optim_wrapper = dict(optimizer=dict(lr=0.002))  # MMDetection's 0.004 is for 8 x 32 images
default_hooks = dict(checkpoint=dict(
    type='mmpose.SafeCheckpointHook', interval=4, save_best='coco/bbox_mAP', rule='greater'))
custom_hooks = [
    _base_.custom_hooks[0],
    dict(type='PipelineSwitchHook', switch_epoch=max_epochs - stage2_num_epochs,
         switch_pipeline=_base_.train_pipeline_stage2),
]
