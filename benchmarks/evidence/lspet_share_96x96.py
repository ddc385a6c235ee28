# A share in place of a weight: `pcloss compare ... --losses robust-all --weight 1`, whose weight then means nothing.
_base_ = 'lspet_96x96.py'
custom_imports = dict(imports=['pcloss_mmpose', 'benchmarks.evidence.share_head'], allow_failed_imports=False)
model = dict(head=dict(type='ShareHead', first=0.4, last=0.4))
