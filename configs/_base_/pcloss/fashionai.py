# The paper: k 8, the skeleton-like partition, beta 2e-4.
_base_ = 'units.py'
paper_beta = 2e-4
pc_loss = dict(
    type='PCLoss',
    topk=8,
    partition='left_right',
    metainfo='FashionAIDataset',
    loss_weight=paper_beta * _base_.weight_per_beta)
