{
    "name": "ISP Billing: with Kenya's fiscal device",
    "summary": "Only for make test-account: what the device signs can be stored",
    "version": "19.0.1.0.0",
    "category": "Hidden",
    "author": "Mybizna",
    "license": "LGPL-3",
    "depends": ["mybizna_isp", "l10n_ke_edi_tremol"],
}
