"""Translations fit the texts they translate."""

import re
from pathlib import Path

import polib
import pytest

FOLDER = Path(__file__).resolve().parents[2] / "i18n"
TEMPLATE = polib.pofile(str(FOLDER / "mybizna_isp.pot"))
PLACEHOLDER = re.compile(r"%(?:\(\w+\))?[sd]")
LANGUAGES = sorted(path.stem for path in FOLDER.glob("*.po"))


def read(language):
    return polib.pofile(str(FOLDER / f"{language}.po"))


def test_clerks_can_read_swahili_and_french():
    assert {"fr", "sw"} <= set(LANGUAGES)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_translation_has_the_placeholders_of_its_text(language):
    wrong = [
        entry.msgid
        for entry in read(language)
        if sorted(PLACEHOLDER.findall(entry.msgid))
        != sorted(PLACEHOLDER.findall(entry.msgstr))
    ]
    assert not wrong


@pytest.mark.parametrize("language", LANGUAGES)
def test_only_texts_that_there_are_get_translated(language):
    known = {entry.msgid for entry in TEMPLATE}
    assert not [entry.msgid for entry in read(language) if entry.msgid not in known]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_sentence_on_a_connection_is_translated(language):
    place = "models/isp_connection_status.py"
    wanted = {
        entry.msgid
        for entry in TEMPLATE
        if any(place in path for path, _line in entry.occurrences)
    }
    done = {entry.msgid for entry in read(language) if entry.msgstr}
    assert wanted
    assert wanted <= done


def test_the_template_tells_no_date():
    assert "Creation-Date" not in str(TEMPLATE)
    assert not set(TEMPLATE.metadata) & {"POT-Creation-Date", "PO-Revision-Date"}
