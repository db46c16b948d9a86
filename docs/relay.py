#!/usr/bin/python3
"""Receives one stream and serves it to any number of players: relay.py rtsp://host:8554/film.mjpeg [PORT]

Debian packages: gir1.2-gst-rtsp-server-1.0 gstreamer1.0-plugins-good python3-gi
"""
import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer

if len(sys.argv) < 2:
    sys.exit(__doc__)
url, port = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else "8555"

Gst.init(None)
factory = GstRtspServer.RTSPMediaFactory()
factory.set_launch(
    f'( rtspsrc location="{url}" latency=200 protocols=tcp ! rtpjpegdepay ! rtpjpegpay name=pay0 pt=26 )'
)
# All players share one stream from the source; a player that connects later joins at the current position.
factory.set_shared(True)
server = GstRtspServer.RTSPServer()
server.set_service(port)
server.get_mount_points().add_factory("/film", factory)
server.attach(None)
print(f"rtsp://127.0.0.1:{server.get_bound_port()}/film", flush=True)
GLib.MainLoop().run()
