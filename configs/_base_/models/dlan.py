# DLAN: VGG-16 whose last block has three dilations, and windows for the garment and its landmarks that move in three
# steps, under an L2 loss at each (Eq. 11). The class DLANHead says what is known of the original and what is ours. The
# leaf sets head.num_joints and head.decoder. 124 M parameters.
# Random weights instead of ImageNet's: --cfg-options model.backbone.init_cfg=None model.neck.init_cfg=None
_base_ = 'spb_res50.py'
model = dict(
    backbone=dict(
        _delete_=True, type='VGG', depth=16, num_stages=4, dilations=(1, 1, 1, 1), out_indices=(3, ),
        init_cfg=dict(type='Pretrained', checkpoint='mmcls://vgg16')),
    neck=dict(type='SelectiveDilatedConv', init_cfg=dict(type='Pretrained', checkpoint='mmcls://vgg16')),
    head=dict(
        _delete_=True, type='DLANHead', in_channels=512, loss=dict(type='MSELoss', use_target_weight=True)))
