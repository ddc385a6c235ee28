# Ours. The paper's k and partition, but lengths in the place of squares, a larger alpha, and a weight that gives a
# pc_share of ... (docs/loss.md, "How large is the paper's beta here?").
integral = dict(alpha=30.)
pc_loss = dict(
    type='PCLoss',
    topk=8,
    partition='left_right',
    metainfo='CocoDataset',
    loss_weight=2e-4,
    robust=True)
