# Ours: FashionAI's k and partition, and lengths in place of squares, for the up to 39 landmarks of a category. The
# weight gives PCLoss 0.2 of the gradient on made-up pictures (docs/deepfashion2.md); 0.4 of it did harm there.
pc_loss = dict(
    type='PCLoss',
    topk=8,
    partition='left_right',
    metainfo='DeepFashion2SharedDataset',
    loss_weight=0.05,
    robust=True)
