#!/bin/sh
set -e
sudo mkdir -p /srv/webapp
echo ready | sudo tee /srv/webapp/state
