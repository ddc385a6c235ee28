# Ours, for DLAN: localization networks learn slowly, as others advise for spatial transformers, against frozen windows.
_base_ = 'adam_100k.py'
optim_wrapper = dict(clip_grad=dict(max_norm=1.), paramwise_cfg=dict(custom_keys=dict(localizer=dict(lr_mult=0.1))))
