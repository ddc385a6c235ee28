# Ablation: the top and the bottom of the garment as the two groups.
_base_ = 'td-hm_res50-fpn-pcloss_4xb5-150k_fashionai-512x512.py'
model = dict(head=dict(pc_loss=dict(partition='top_bottom')))
