"""Images, windows, prompts, diffusion and tasks: everything that the two ends know of the meaning of what is sent.

This folder knows no channel, only complex symbols and their noise variance. In order of knowledge: `classes`, `text`
and `metrics`; `data`, `codec` and `language`; `diffusion`, `attention` and `tasks`; `weights`, which loads trained
networks; `training`, which makes them.
"""
