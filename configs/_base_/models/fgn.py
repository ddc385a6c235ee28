# FGN: VGG-16 up to conv4_3, without the pooling that follows, so that a heatmap has an eighth of the input's side; the
# class FGNHead says what of the original is known and what is not. The chains are for the eight landmarks of
# DeepFashion and FLD. The leaf sets head.out_channels, head.metainfo and head.decoder.
# Random weights instead of ImageNet's: --cfg-options model.backbone.init_cfg=None (MMCls's names, as in fashionnet.py)
_base_ = 'spb_res50.py'
model = dict(
    backbone=dict(
        _delete_=True, type='VGG', depth=16, num_stages=4, dilations=(1, 1, 1, 1), out_indices=(3, ),
        with_last_pool=False, init_cfg=dict(type='Pretrained', checkpoint='mmcls://vgg16')),
    head=dict(
        type='FGNHead', in_channels=512,
        chains=[['left_collar', 'left_waistline', 'left_hem'], ['left_collar', 'left_sleeve'],
                ['right_collar', 'right_waistline', 'right_hem'], ['right_collar', 'right_sleeve']]))
