from . import test_fiscal_device, test_tax_template
