# DFA: a cascade of three stages on four VGG-16 of their own, 544 million parameters. The class DFAHead says what is
# known of the original, what is remembered and what is ours. The leaf sets head.num_joints and head.decoder.
# For small machines: --cfg-options model.backbone.num=1 model.head.hidden_channels=512
# Random weights instead of ImageNet's: --cfg-options model.backbone.init_cfg=None
_base_ = 'spb_res50.py'
model = dict(
    backbone=dict(
        _delete_=True, type='VGGBank', num=4, depth=16, out_indices=(4, ),
        init_cfg=dict(type='Pretrained', checkpoint='mmcls://vgg16')),
    head=dict(
        _delete_=True, type='DFAHead', in_channels=512, loss=dict(type='MSELoss', use_target_weight=True)))
