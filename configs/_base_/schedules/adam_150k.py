# The paper gives 100k or 150k iterations, without saying which model had which.
_base_ = 'adam_100k.py'
train_cfg = dict(max_iters=150000)
