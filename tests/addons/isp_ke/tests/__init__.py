from . import test_fiscal_device
