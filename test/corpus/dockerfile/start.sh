#!/bin/sh
exec python3 /srv/made.py
