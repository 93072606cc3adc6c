"""One run by several processes: processes.py starts and watches them, peers.py gives each its turns."""
