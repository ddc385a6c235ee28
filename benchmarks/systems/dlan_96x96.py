# DLAN on generated garments, small, cropped by the box as the others are.
_base_ = '../evidence/garments_reg_96x96.py'
optim_wrapper = dict(
    clip_grad=dict(max_norm=1.), paramwise_cfg=dict(custom_keys={'localizer': dict(lr_mult=0.1)}))
model = dict(
    backbone=dict(out_indices=(3, )),
    neck=dict(_delete_=True, type='SelectiveDilatedConv', in_channels=112, out_channels=48),
    head=dict(
        _delete_=True,
        type='PCDLANHead',
        in_channels=48,
        num_joints=24,
        hidden_channels=64,
        loss=dict(type='MSELoss', use_target_weight=True),
        decoder=_base_.label,
        pc_loss=dict(type='PCLoss', partition='left_right', metainfo='FashionAIDataset', loss_weight=0.03)))
