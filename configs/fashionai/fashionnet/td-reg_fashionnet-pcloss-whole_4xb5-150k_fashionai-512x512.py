# Ablation: the garment in one group.
_base_ = 'td-reg_fashionnet-pcloss_4xb5-150k_fashionai-512x512.py'
model = dict(head=dict(pc_loss=dict(partition=None)))
