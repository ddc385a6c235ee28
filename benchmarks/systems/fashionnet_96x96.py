# FashionNet on generated garments, small.
_base_ = '../evidence/garments_reg_96x96.py'
model = dict(
    neck=None,
    backbone=dict(out_indices=(3, 4)),
    head=dict(
        _delete_=True,
        type='PCFashionNetHead',
        in_channels=(112, 320),
        num_joints=24,
        visibility_weight=0.01,
        hidden_channels=256,
        loss=dict(type='MSELoss', use_target_weight=True),
        decoder=_base_.label,
        pc_loss=dict(type='PCLoss', partition='left_right', metainfo='FashionAIDataset', loss_weight=0.03)))
