from . import playsms, portal
