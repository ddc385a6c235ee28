def conclude(args, config, base, runs, work_dir):
    print('no conclusion yet')
