"""The network at the size of a real provider: routers, RADIUS, mute gateways.

Each part is a file of its own beside this one.
"""

import os

from _common import run
from _network_local import measure_local
from _network_mute import measure_mute
from _network_radius import measure_radius
from _network_router import measure_router

PARTS = {
    "router": measure_router,
    "radius": measure_radius,
    "mute": measure_mute,
    "local": measure_local,
}


def network(report):
    """Measure all parts, or those that ISP_BENCH_PARTS names."""
    for name in (os.environ.get("ISP_BENCH_PARTS") or " ".join(PARTS)).split():
        PARTS[name](report)


if __name__ == "__main__":
    run("network", network)
