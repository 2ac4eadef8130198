"""Texts that are hard on a tokenizer: none of them may be lost on the way there and back."""

from __future__ import annotations

HOSTILE = {
    "empty-lines": "\n\n\n a\n\n\tb\n",
    "spaces": "  two  and   three    and four     ",
    "accents": "café cafe\u0301 naïve Việt ǻ z̵̡̀",
    "emoji": "😀 👍🏽 👨\u200d👩\u200d👧\u200d👦 🇫🇷🇯🇵 ❤️ 1️⃣",
    "cjk": "你好，世界！こんにちは、안녕하세요",
    "right-to-left": "שלום עולם! \u200fمرحبا بالعالم",
    "joiners": "न\u200dम\u200cस्ते \ufeff\u2060 zero\u200bwidth",
    "rare-planes": "𝔘𝔫𝔦𝔠𝔬𝔡𝔢 𐍈 𒀀 \U0010fffd \ue000",
    "controls": "a\u0001b\u0007c\u001bd\u007fe\u0085f",
    "null": "before\u0000after",
    "quotes": "\"'`“”‘’«»\\/\\n\\u0041",
    "digits": "3.14159e-10 0x7f 1_000_000 ٣٤٥",
    "code": "for(int i=0;i<10;++i){a[i]=b[i]<<2;}\r\n",
}
"""By name. All are valid Unicode."""
