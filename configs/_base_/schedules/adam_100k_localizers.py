# Ours, for DLAN: windows that move too fast freeze outside the garment.
_base_ = 'adam_100k.py'
optim_wrapper = dict(clip_grad=dict(max_norm=1.), paramwise_cfg=dict(custom_keys=dict(localizer=dict(lr_mult=0.1))))
