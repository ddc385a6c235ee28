# FashionNet: VGG-16, landmarks and visibility by fully connected layers, corrected by a second stage on features pooled
# at the landmarks, under an L2 loss (Eq. 11). The class FashionNetHead says where it departs from the original; at
# 512x512 the features are pooled to 7x7 first. The leaf sets head.num_joints and head.decoder.
# Random weights instead of ImageNet's: --cfg-options model.backbone.init_cfg=None. MMPose names VGG's layers as MMCls
# did, so that torchvision's file would load nothing.
_base_ = 'spb_res50.py'
model = dict(
    backbone=dict(
        _delete_=True, type='VGG', depth=16, out_indices=(3, 4),
        init_cfg=dict(type='Pretrained', checkpoint='mmcls://vgg16')),
    head=dict(
        _delete_=True, type='FashionNetHead', in_channels=(512, 512), visibility_weight=0.01,
        loss=dict(type='MSELoss', use_target_weight=True)))
