# RTMPose's schedule in proportion, without its second stage of weaker augmentation.
_base_ = 'adam_100e.py'
optim_wrapper = dict(
    _delete_=True, type='OptimWrapper', optimizer=dict(type='AdamW', lr=4e-3, weight_decay=0.),
    paramwise_cfg=dict(norm_decay_mult=0, bias_decay_mult=0, bypass_duplicate=True))
param_scheduler = [
    dict(type='LinearLR', by_epoch=False, begin=0, end=1000, start_factor=1e-5),
    dict(type='CosineAnnealingLR', by_epoch=True, begin=50, end=100, T_max=50, eta_min=2e-4,
         convert_to_iter_based=True),
]
auto_scale_lr = dict(base_batch_size=1024)
custom_hooks = [
    *_base_.custom_hooks,
    dict(type='EMAHook', ema_type='ExpMomentumEMA', momentum=0.0002, update_buffers=True, priority=49),
]
