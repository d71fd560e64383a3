"""Runs a program in a terminal of its own, presses Ctrl-C once it has printed a text, and prints how it ended as JSON.

python terminal.py READY PRESSES COMMAND...    a press after the first comes 0.8 s later: a person's second one
"""

import json
import os
import pty
import select
import sys
import time

ready, presses, command = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
child, terminal = pty.fork()
if child == 0:
    os.execvp(command[0], command)

output, sent, last = "", 0, 0.0
while True:
    if sent < presses and ready in output and time.monotonic() - last > 0.8:
        os.write(terminal, b"\x03")
        sent, last = sent + 1, time.monotonic()
    if not select.select([terminal], [], [], 0.05)[0]:
        continue
    try:
        read = os.read(terminal, 65536)
    except OSError:
        break
    if not read:
        break
    output += read.decode("utf8", "replace")

code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
print(json.dumps({"code": code, "output": output}))
