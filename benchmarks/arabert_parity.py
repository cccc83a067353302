"""Does the saved AraBERT tokenizer read raw text as AraBERT's preprocessor and tokenizer read it, one after the other?

    pip install --target /tmp/oracle --no-deps arabert pyarabic emoji
    PYTHONPATH=/tmp/oracle python benchmarks/arabert_parity.py ../shared/data/arabert_tokenizer/tokenizer.json \
        --documents 1000 ../shared/data/text/*.txt.xz

Prints on how many documents the token ids are equal, and the place of the first difference in the others.
"""

import argparse
from itertools import islice
from pathlib import Path

from arabert.preprocess import ArabertPreprocessor  # type: ignore[import-not-found]
from tokenizers import Tokenizer

from mawaqif.data.documents import read_documents
from mawaqif.train.tokenizer import with_arabert_preprocessing


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tokenizer", type=Path, help="AraBERT's tokenizer.json")
    parser.add_argument("texts", type=Path, nargs="+", help="text files, plain or xz")
    parser.add_argument("--documents", type=int, default=1000, help="documents of each file")
    options = parser.parse_args()
    tokenizer = Tokenizer.from_file(str(options.tokenizer))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    documents = [d for path in options.texts for d in islice(read_documents(path), options.documents)]
    oracle = ArabertPreprocessor("bert-base-arabertv02")
    wanted = tokenizer.encode_batch([oracle.preprocess(document) for document in documents])
    found = with_arabert_preprocessing(tokenizer).encode_batch(documents)
    same = 0
    for document, a, b in zip(documents, wanted, found, strict=True):
        if a.ids == b.ids:
            same += 1
            continue
        place = next((n for n, (x, y) in enumerate(zip(a.ids, b.ids, strict=False)) if x != y), len(a.ids) - 1)
        start = b.offsets[min(place, len(b.offsets) - 1)][0]
        print(repr(document[max(0, start - 30) : start + 30]), a.tokens[place : place + 5], b.tokens[place : place + 5])
    print(f"{same} of {len(documents)} documents have the same token ids")


if __name__ == "__main__":
    main()
