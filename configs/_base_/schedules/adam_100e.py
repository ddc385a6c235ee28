# MMPose's schedule for heatmaps on COCO, in proportion: 100 epochs of DeepFashion2 are as many samples as 210 of COCO.
_base_ = '../default_runtime.py'
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=100, val_interval=10)
val_cfg = dict()
test_cfg = dict()
optim_wrapper = dict(optimizer=dict(type='Adam', lr=5e-4))
param_scheduler = [
    dict(type='LinearLR', by_epoch=False, begin=0, end=500, start_factor=0.001),
    dict(type='MultiStepLR', by_epoch=True, begin=0, end=100, milestones=[80, 95], gamma=0.1),
]
auto_scale_lr = dict(base_batch_size=256)
default_hooks = dict(checkpoint=dict(by_epoch=True, interval=10, save_best='AP', rule='greater'))
log_processor = dict(by_epoch=True)
