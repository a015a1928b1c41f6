"""Words and sentences of RouterOS's API as bytes.

Format: https://help.mikrotik.com/docs/spaces/ROS/pages/47579160/API. A word is its
length and its bytes, a sentence ends with a word of no length.
"""

MAX_WORD = 0x0FFFFFFF
# No answer we ask for has a word near this; a length above it is another protocol.
MAX_ANSWER_WORD = 4 * 1024 * 1024

# By the number of bytes a length takes: without the bits that tell that number.
_LENGTH_MASKS = (0x7F, 0x3FFF, 0x1FFFFF, 0x0FFFFFFF, 0xFFFFFFFF)


class WireError(ValueError):
    """These bytes are not RouterOS's API, or this can't be said in it."""


def encode_length(length: int) -> bytes:
    """Return the 1 to 4 bytes that announce a word of so many bytes.

    :raise WireError: a word can't be that long.
    """
    if length < 0x80:
        return bytes((length,))
    if length < 0x4000:
        return (length | 0x8000).to_bytes(2, "big")
    if length < 0x200000:
        return (length | 0xC00000).to_bytes(3, "big")
    if length <= MAX_WORD:
        return (length | 0xE0000000).to_bytes(4, "big")
    raise WireError(f"A word of {length} bytes is too long for RouterOS.")


def encode_sentence(words) -> bytes:
    """Return a sentence of `words`, texts as `to_text` gives them.

    :raise WireError: an empty word would end the sentence.
    """
    parts = []
    for word in words:
        data = to_bytes(word)
        if not data:
            raise WireError("A sentence can't hold an empty word.")
        parts += (encode_length(len(data)), data)
    return b"".join(parts) + b"\0"


def to_text(data: bytes) -> str:
    """Return bytes as text: UTF-8, and what isn't comes back by `to_bytes`.

    Winbox writes the code page of the PC it runs on, the API gives it as it is.
    """
    return data.decode("utf-8", "surrogateescape")


def to_bytes(text: str) -> bytes:
    """Return the bytes of a text; the other way of `to_text`.

    :raise WireError: half of a pair of surrogates.
    """
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raise WireError("The text holds a character that can't be sent.") from None


class Reader:
    """Cuts a stream into sentences, however its bytes arrive."""

    def __init__(self):
        self._data = bytearray()
        self._words = []

    def feed(self, data: bytes) -> list[list[str]]:
        """Return the sentences that `data` completes; empty ones don't count.

        :raise WireError: what comes is not this protocol.
        """
        self._data += data
        sentences, place = [], 0
        while (found := self._read_word(place)) is not None:
            word, place = found
            if word:
                self._words.append(to_text(word))
            elif self._words:
                sentences.append(self._words)
                self._words = []
        del self._data[:place]
        return sentences

    def _read_word(self, place):
        """Return (word, where the next begins), or None if it isn't all there."""
        data = self._data
        if place >= len(data):
            return None
        size = _size_of_length(data[place])
        if place + size > len(data):
            return None
        mask = _LENGTH_MASKS[size - 1]
        length = int.from_bytes(data[place : place + size], "big") & mask
        if length > MAX_ANSWER_WORD:
            raise WireError(f"A word of {length} bytes was announced.")
        start = place + size
        if start + length > len(data):
            return None
        return bytes(data[start : start + length]), start + length


def _size_of_length(first):
    """Return how many bytes a length has, by its first one."""
    for size, limit in enumerate((0x80, 0xC0, 0xE0, 0xF0, 0xF8), 1):
        if first < limit:
            return size
    raise WireError(f"The control byte {first:#x} is reserved.")
