"""Ready-made trainings on real audio; the `lucid` command is a thin shell over them.

`keywords` tells short words apart, `denoise` takes the noise out of speech. Each has a `Config`,
`train` and `load`; then `predict`, or `enhance`.
"""
