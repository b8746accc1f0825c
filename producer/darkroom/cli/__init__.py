"""The command line: one module per group of commands, `main.py` reads the environment and turns errors into exit codes.

Standard output carries data only; everything said to a person goes to standard error. Needs the extra `direct`.
"""
