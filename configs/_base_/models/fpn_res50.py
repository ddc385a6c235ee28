# FPN: ResNet-50's four levels, a feature pyramid, and one 1x1 convolution from its finest level, a quarter of the
# input, to the heatmaps. The width is the FPN paper's. The leaf sets head.out_channels and head.decoder.
_base_ = 'spb_res50.py'
model = dict(
    backbone=dict(out_indices=(0, 1, 2, 3)),
    neck=dict(type='FinestFPN', in_channels=(256, 512, 1024, 2048), out_channels=256),
    head=dict(in_channels=256, deconv_out_channels=None))
