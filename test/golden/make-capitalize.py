"""Makes capitalize.json: what Python's str.capitalize makes of every cased character, and of texts.

    python make-capitalize.py
"""

import json
import random
import sys
import unicodedata
from pathlib import Path

CASED = [c for c in map(chr, range(0x110000))
         if not 0xD800 <= ord(c) < 0xE000 and (c.capitalize() != c or c.upper() != c or c.lower() != c)]
WORDS = ["", "hello World", "ΟΔΥΣΣΕΥΣ", "Σ", "ΣΑΣ ΣΑΣ", "ΑΣ'Σ", "ΑΣ'", "ΑΣ.", "ΑΣ\u00adΑ", "a\u0345Σ", "ﬁΣ", "1Σ", "Σ1",
         "ﬁRST", "ßTRASSE", "İSTANBUL", "ǆEP ǄEP", "ŉA", "ᾳΔΩ ᾼΔΩ", "ᾷΣ", "ႠႡ ᲐᲑ აბ", "ﬗ ԵՒ", "𐐨𐐀", "👍 YES", "\u0345A"]


def texts():
    random.seed(7)
    signs = CASED + list(" '.-\u00ad\u0301\u0345ΣσςΣΣaA1") * 20
    return WORDS + ["".join(random.choices(signs, k=random.randint(1, 6))) for _ in range(300)]


made = {
    "madeWith": {"python": sys.version.split()[0], "unicode": unicodedata.unidata_version},
    "characters": " ".join(f"{c}{c.capitalize()}" for c in CASED),
    "texts": [[text, text.capitalize()] for text in texts()],
}
Path(__file__).with_name("capitalize.json").write_text(json.dumps(made, ensure_ascii=False) + "\n", encoding="utf-8")
