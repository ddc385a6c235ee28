# Ours: FashionAI's k, with lengths in place of squares, a larger alpha, and a weight that gives PCLoss 0.27 to 0.38 of
# the gradient (pc_share, measured on four images; docs/loss.md).
integral = dict(alpha=30.)
pc_loss = dict(
    type='PCLoss',
    topk=8,
    partition='left_right',
    metainfo='CocoDataset',
    loss_weight=2e-4,
    robust=True)
