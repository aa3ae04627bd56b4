#!/bin/bash
set -euo pipefail
sudo install -d /opt/app
sudo install -m 0644 /tmp/motd /etc/motd
echo "$APP_VERSION" | sudo tee /opt/app/version
