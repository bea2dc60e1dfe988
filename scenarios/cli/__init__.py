"""The command line `taskwave`.

Files in order of knowledge: `app` (application, consoles, shared arguments), `reports` (what the commands show of
pooled records), then one file of commands a theme: `sweeps`, `curves`, `radio`, `live`, `judging`, `loop`, `training`;
`main` (entry point and errors) imports them all. To add a command, decorate a function of one of these files with
`app.command()`, import what loads torch or pandas inside it, and put its name into `app.COMMANDS`.
"""
