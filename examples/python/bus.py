"""Lists all connections over the D-Bus interface, with nothing but busctl.

    python3 bus.py [SOCKET]
"""
import json
import subprocess
import sys

socket = sys.argv[1] if len(sys.argv) > 1 else "/run/cleardown/bus"
call = ["busctl", f"--address=unix:path={socket}", "--json=short", "call", "org.cleardown.Cleardown1"]
call += ["/org/cleardown/Cleardown1", "org.cleardown.Manager1", "List", "a{sv}", "1", "remembered", "b", "true"]
answer = json.loads(subprocess.run(call, check=True, capture_output=True, text=True).stdout)
for connection in answer["data"][0]:
    show = {key: value["data"] for key, value in connection.items()}
    print(f"{show['status']:10} {show['name']:8} {show['remote']}")
