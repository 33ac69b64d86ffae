"""Ready-made trainings on real audio; the `lucid` command is a thin shell over them.

`keywords` tells short words apart, `denoise` takes the noise out of speech:

    from lucid.recipes import keywords

    result = keywords.train(keywords.Config(data="recordings/", epochs=15))
    print(result.table)
    model, labels = keywords.load(result.run)
    print(keywords.predict(model, labels, "word.wav"))

The parts are of use on their own: `synthesis` makes speech and noise, `training.fit` is a loop with
checkpoints for any `job.Job`, `losses.si_snr` a loss.
"""
