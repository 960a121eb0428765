"""Cuts the reviews of a JSON-lines file (gzip) into sentences, one a line on standard output, without their labels.

Behind them come pieces of them, three to twelve words long, for SST-2's rows are mostly phrases too.
"""

import gzip
import json
import random
import re
import sys

PIECES_OF_A_SENTENCE = 1.25

generator = random.Random(1)
lines = {}
with gzip.open(sys.argv[1], "rt", encoding="utf-8") as file:
    for line in file:
        text = re.sub(r"\s+", " ", json.loads(line)["text"].replace("<br />", " "))
        for sentence in re.split(r"(?<=[.!?])[\"')]* +", text):
            if 4 <= len(sentence.split()) <= 45:
                lines[sentence] = None
sentences = list(lines)
for _ in range(int(PIECES_OF_A_SENTENCE * len(sentences))):
    words = generator.choice(sentences).split()
    length = min(len(words), generator.randint(3, 12))
    start = generator.randint(0, len(words) - length)
    lines[" ".join(words[start : start + length])] = None
print("\n".join(lines))
