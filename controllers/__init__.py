from . import playsms
