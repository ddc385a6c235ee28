# Ours: FashionAI's k and partition, and lengths in place of squares, for the up to 39 landmarks of a category. The
# weight gives PCLoss 0.4 of the gradient on made-up pictures (docs/deepfashion2.md). It depends on the number of
# landmarks, since the heatmap loss is a mean over all of them.
integral = dict(alpha=30.)
pc_loss = dict(
    type='PCLoss',
    topk=8,
    partition='left_right',
    metainfo='DeepFashion2Dataset',
    loss_weight=2e-5,
    robust=True)
