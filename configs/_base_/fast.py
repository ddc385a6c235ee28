# One more base of any config, such as
#   _base_ = ['../fashionai/spb/td-hm_res50-pcloss_4xb5-100k_fashionai-512x512.py', '../_base_/fast.py']
# or this line in it. docs/performance.md says what it brings, and what it does to NE.
# compile=True as well is for long trainings: the first steps take minutes.
fast = dict(amp='bfloat16', channels_last=True, fused=True, workers=4)
