"""MikroTik routers through RouterOS's API."""
