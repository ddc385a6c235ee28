# The same FPN as in _base_/models/fpn_res50.py, on top of MMPose's own config.
_base_ = '../spb/td-hm_res50_8xb64-210e_coco-256x192.py'
model = dict(
    backbone=dict(out_indices=(0, 1, 2, 3)),
    neck=dict(type='FinestFPN', in_channels=(256, 512, 1024, 2048), out_channels=256),
    head=dict(in_channels=256, deconv_out_channels=None))
