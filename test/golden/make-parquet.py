"""Makes parquet/: small Parquet files as the hub serves them, and one in a compression that is not read.

    python make-parquet.py        # pyarrow 20 or newer
"""
import os

import pyarrow as pa
import pyarrow.parquet as pq

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "parquet")

ALPACA = [
    {"instruction": "Name a colour.", "input": "", "output": "Red."},
    {"instruction": "Translate to French.", "input": "Good day", "output": "Bonjour – « salut »."},
    {"instruction": "Count.", "input": None, "output": "1 2 3"},
]
SHAREGPT = [
    {"id": "a", "conversations": [{"from": "human", "value": "Hello"}, {"from": "gpt", "value": "Hi!"}]},
    {"id": "b", "conversations": [{"from": "human", "value": "1+1?"}, {"from": "gpt", "value": "2"},
                                  {"from": "human", "value": "Sure?"}, {"from": "gpt", "value": "Yes."}]},
]
# As the hub has them: BookCorpus a sentence a row, C4 pages with time and address, WikiText lines, many empty.
BOOKCORPUS = [{"text": f"she took the {n} path home ."} for n in ("first", "second", "third", "fourth", "fifth")]
C4 = [{"text": "A page.\nOf two lines – in all.", "timestamp": "2019-04-25T12:57:54Z", "url": "https://a.example/1"},
      {"text": "Another page.", "timestamp": "2019-04-18T20:36:10Z", "url": "https://a.example/2"}]
WIKITEXT = [{"text": t} for t in ("", " = A heading = \n", "", " Some words about it . \n", " And more @-@ of them . \n")]
IDS = [{"input_ids": [70, 71, 72], "labels": [-100, 71, 72]}]  # 64-bit columns


def main():
    os.makedirs(HERE, exist_ok=True)
    for name, rows, compression in (("alpaca", ALPACA, "snappy"), ("sharegpt", SHAREGPT, "snappy"),
                                    ("bookcorpus", BOOKCORPUS, "snappy"), ("c4", C4, "snappy"),
                                    ("wikitext", WIKITEXT, "snappy"), ("ids", IDS, "snappy"), ("alpaca-plain", ALPACA, "none"), ("alpaca-zstd", ALPACA, "zstd")):
        pq.write_table(pa.Table.from_pylist(rows), os.path.join(HERE, name + ".parquet"), compression=compression,
                       row_group_size=3)


if __name__ == "__main__":
    main()
