# The paper: Adam, lr 3e-4, divided by 3 at 30k and again at 50k of 100k iterations, 4 GPUs x 5 images.
# Ours, since the paper does not say: the last checkpoint is the one that is reported, not the best on validation.
train_cfg = dict(type='IterBasedTrainLoop', max_iters=100000, val_interval=5000)
val_cfg = dict()
test_cfg = dict()
optim_wrapper = dict(optimizer=dict(type='Adam', lr=3e-4))
param_scheduler = [dict(type='MultiStepLR', by_epoch=False, milestones=[30000, 50000], gamma=1 / 3)]
auto_scale_lr = dict(base_batch_size=20)
