# DFA on generated garments, small: all stages share the backbone. 600 iterations are too few for pseudo-labels to fade.
_base_ = 'fashionnet_96x96.py'
model = dict(
    backbone=dict(out_indices=(4, )),
    head=dict(type='PCDFAHead', in_channels=320, fade=(300, 600)))
