"""A statement of account as an XLSX workbook."""

import io

COLUMNS = (
    # (key of a row, width in characters, what it holds)
    ("date", 12, "date"),
    ("document_date", 14, "date"),
    ("document", 18, "text"),
    ("kind_label", 20, "text"),
    ("service", 14, "text"),
    ("connection", 22, "text"),
    ("description", 40, "text"),
    ("due_date", 12, "date"),
    ("debit", 14, "money"),
    ("credit", 16, "money"),
    ("balance", 14, "money"),
    ("open", 14, "money"),
)
MONEY_COLUMNS = [name for name, _width, holds in COLUMNS if holds == "money"]
# Sheet names: at most 31 characters, none of these; unique without regard to case.
_FORBIDDEN = str.maketrans(dict.fromkeys("[]:*?/\\'", "-"))


def build(sections, words):
    """Return a workbook with one sheet for each contract.

    Amounts are numbers, days are dates, texts are never formulas; the header row
    stays when the sheet is scrolled.

    :param list sections: dicts of ``contract`` (with ``display_name``, ``name``),
        ``currency`` (with ``name``, ``decimal_places``), ``opening``, ``rows``
        (dicts with the keys of `COLUMNS`; dates are ``datetime.date`` or None),
        ``debit``, ``credit`` and ``closing`` (float)
    :param dict words: column key → heading, and the keys ``sheet``, ``contract``,
        ``opening``, ``closing``, ``total``
    :return: the file
    :rtype: bytes
    :raise ImportError: without the package ``xlsxwriter``
    """
    import xlsxwriter

    stream = io.BytesIO()
    book = xlsxwriter.Workbook(stream, {"in_memory": True})
    for number, section in enumerate(sections, 1):
        name = f"{number} {section['contract'].name}".translate(_FORBIDDEN)[:31]
        _Sheet(book, book.add_worksheet(name), section, words).write()
    book.close()
    return stream.getvalue()


class _Sheet:
    """Writes one contract's section."""

    def __init__(self, book, sheet, section, words):
        self.sheet = sheet
        self.section = section
        self.words = words
        places = section["currency"].decimal_places
        number = "#,##0" + ("." + "0" * places if places else "")
        self.formats = {
            "date": book.add_format({"num_format": "yyyy-mm-dd"}),
            "money": book.add_format({"num_format": number}),
            "text": book.add_format(),
            "bold": book.add_format({"bold": True}),
            "bold_date": book.add_format({"bold": True, "num_format": "yyyy-mm-dd"}),
            "bold_money": book.add_format({"bold": True, "num_format": number}),
            "head": book.add_format({"bold": True, "bottom": 1, "bg_color": "#EEEEEE"}),
        }

    def write(self):
        section, words = self.section, self.words
        self._text(
            0, 0, f"{words['contract']} {section['contract'].display_name}", "bold"
        )
        self._text(0, 8, section["currency"].name, "bold")
        for column, (name, width, _holds) in enumerate(COLUMNS):
            self.sheet.set_column(column, column, width)
            self._text(1, column, words[name], "head")
        self.sheet.freeze_panes(2, 0)
        self._sum(2, words["opening"], {"balance": section["opening"]})
        line = 3
        for line, row in enumerate(section["rows"], 3):
            self._row(line, row)
        if section["rows"]:
            line += 1
        self._sum(
            line,
            words["total"],
            {"debit": section["debit"], "credit": section["credit"]},
        )
        self._sum(line + 1, words["closing"], {"balance": section["closing"]})

    def _row(self, line, row):
        for column, (name, _width, holds) in enumerate(COLUMNS):
            value = row.get(name)
            if holds == "text":
                self._text(line, column, value or "", "text")
            elif holds == "date":
                if value:
                    self.sheet.write_datetime(line, column, value, self.formats["date"])
            elif value or name == "balance":
                self.sheet.write_number(line, column, value, self.formats["money"])

    def _sum(self, line, label, amounts):
        self._text(line, 6, label, "bold")
        for column, (name, _width, _holds) in enumerate(COLUMNS):
            if name in amounts:
                self.sheet.write_number(
                    line, column, amounts[name], self.formats["bold_money"]
                )

    def _text(self, line, column, text, style):
        # Never `write`: a text that begins with = would become a formula.
        self.sheet.write_string(line, column, text, self.formats[style])
