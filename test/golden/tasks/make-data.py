"""Writes data/: made-up rows in the schemas of the seven data sets, as the hub lays them out.

Some in Parquet (pyarrow), some in JSONL, so that both readers are tried. The sentences are our own.
"""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

DATA = Path(__file__).parent / "data"

BOOLQ = [
    ("A lighthouse stands at the end of the pier. Its lamp was lit by oil until the harbour got electric light, and since then it turns by itself every night.", "is the lamp of the lighthouse still lit by oil", 0),
    ("The town library opens at nine. On Saturdays it closes at noon, and on Sundays it stays shut, except in May, when a book fair fills the square.", "does the library close at noon on saturdays", 1),
    ("Barley grows well on the dry side of the valley. Farmers on the wet side keep sheep instead, since their fields stay under water until June.", "do farmers keep sheep on the wet side of the valley", 1),
    ("The ferry carries forty cars. In winter it runs twice a day; a bridge has been planned for years, yet no one has begun to build it.", "is there a bridge that the cars can use", 0),
    ("Clay cools slowly. A pot that is taken from the kiln too early cracks, and the crack shows only when the glaze is on.", "can a pot crack if it leaves the kiln early", 1),
    ("  Two rivers meet below the mill.\nThe smaller one is dry in August, and children walk across it.", "is the smaller river dry in august", 1),
]
BOOLQ_TRAIN = [
    ("The bakery sells rye bread on Mondays. Wheat bread is there all week.", "can rye bread be bought on tuesdays", 0),
    ("Snow fell on the pass in October, and the road was shut for nine days.", "was the road over the pass shut", 1),
    ("The clock in the tower has one hand. It shows the hours alone.", "does the clock show minutes", 0),
]

PIQA = [
    ("To keep a wooden spoon from splitting,", "rub it with oil now and then and let it dry upright.", "leave it in a bowl of hot water over night.", 0),
    ("How can a wet book be dried?", "Put it on a radiator and press it with an iron.", "Stand it up with its pages fanned out in moving air.", 1),
    ("Loosen a jar lid that sits too tight", "hold the lid under warm water, then turn it", "hold the glass in the freezer, then hit it", 0),
    ("Find out whether an egg is fresh.", "Lay it in water: an old one floats.", "Lay it in the sun: an old one sings.", 0),
    ("Carry hot soup up the stairs", "fill the bowl to the brim so it cannot move", "use a pot with a lid and fill the bowl at the table", 1),
    ("Mark where a shelf will hang.", "Draw a line along a spirit level – with a pencil.", "Draw a line along the ceiling’s shadow.", 0),
]
PIQA_TRAIN = [
    ("To sharpen a pencil without a sharpener,", "cut the wood away with a small knife.", "boil it until the wood falls off.", 0),
    ("Keep tea warm", "pour it onto a cold plate", "wrap the pot in a cloth", 1),
    ("Stop a door from squeaking", "put a drop of oil on the hinge", "paint the handle", 0),
    ("Clean a dusty lamp", "blow sand at it", "wipe it with a dry brush", 1),
]

HELLASWAG = [
    ("Baking bread", "A woman kneads dough on a table. She", "lets it rest under a cloth", ["and heats the oven meanwhile.", "and throws the table out.", "until the sea is calm.", "and paints it green [step] twice."], "0"),
    ("Planting a tree [title] Choose a place", "[header] How to plant a tree [title] Dig a hole. [step] Make it twice as wide as the roots.", "then", ["Set the tree in and fill the hole with earth.", "Carry the hole home.", "Read the roots aloud.", "Wait for the tree to dig."], "0"),
    ("Rowing", "Two men sit in a boat. The boat", "OARS dip into the water. they", ["fly over the hill.", "pull, and the boat glides on.", "knit a net out of rain.", "sleep under the lake."], "1"),
    ("Cleaning windows", "A man climbs a ladder with a bucket.", "he wipes", ["the clouds away.", "the ladder with the moon.", "the glass  from top to bottom.", "his name off the list."], "2"),
    ("Playing drums", "A girl sits behind a drum kit. she", "counts to four and", ["melts.", "starts to play with both sticks.", "files her taxes.", "swallows the cymbal."], "1"),
]
HELLASWAG_TRAIN = [
    ("Making tea", "A kettle boils. A man", "takes a cup and", ["pours the water in.", "eats the stove.", "counts the rain.", "buries it."], "0"),
    ("Skating", "A boy ties his skates [title] and", "stands", ["inside a tree.", "on the ice with care.", "for mayor.", "as a bridge."], "1"),
    ("Sewing", "A thread goes through the needle.", "the cloth", ["runs away.", "sings low.", "is held with one hand.", "boils."], "2"),
]

WINOGRANDE = [
    ("The cup fell off the shelf because the _ was too narrow.", "cup", "shelf", "2"),
    ("Mara lent her coat to Ines, since _ had come without one.", "Mara", "Ines", "2"),
    ("The bread would not fit into the tin, so the _ was cut in half.", "bread", "tin", "1"),
    ("Tom could not hear Paul over the engine, although _ was shouting.", "Tom", "Paul", "2"),
    ("_ was late, so Lena did not wait for Ruth.", "Lena", "Ruth", "2"),
    ("The dog chased the cat until the _ climbed a tree", "dog", "cat", "2"),
]
WINOGRANDE_TRAIN = [
    ("The key did not turn in the lock because the _ was bent.", "key", "lock", "1"),
    ("Anna thanked Clara, for _ had helped her.", "Anna", "Clara", "2"),
    ("The rope broke under the load since the _ was thin.", "rope", "load", "1"),
]


def arc(rows):
    return [
        {"id": f"row_{i}", "question": q, "choices": {"text": texts, "label": labels}, "answerKey": key}
        for i, (q, texts, labels, key) in enumerate(rows)
    ]


LETTERS = ["A", "B", "C", "D"]
ARC_EASY = arc([
    ("Which of these gives light by itself?", ["a mirror", "the moon", "a candle flame", "a window"], LETTERS, "C"),
    ("What do plants take from the soil?", ["water", "sound", "shadow", "noise"], LETTERS, "A"),
    ("Ice that is warmed becomes", ["iron", "water", "sand", "glass"], ["1", "2", "3", "4"], "2"),
    ("Which animal lays eggs?", ["a hen", "a cow", "a goat"], LETTERS[:3], "A"),
    ("What turns about once in a day?", ["the Earth", "the Sun around the Earth", "a comet", "the Milky Way", "a year"], LETTERS + ["E"], "A"),
])
ARC_CHALLENGE = arc([
    ("A ball is thrown upwards. At its highest point its speed is", ["greatest", "zero for an instant", "equal to its weight", "without end"], LETTERS, "B"),
    ("Why does a metal spoon feel colder than a wooden one of the same temperature?", ["It leads heat away from the hand faster.", "It holds less air.", "It is always younger.", "Wood makes its own heat."], LETTERS, "A"),
    ("Which change cannot be undone by cooling?", ["melting wax", "boiling water", "burning paper", "warming oil"], LETTERS, "C"),
    ("A shadow grows longer when the light", ["sinks lower", "gets louder", "turns blue", "stays above"], LETTERS, "A"),
])
ARC_TRAIN = arc([
    ("Which of these is a metal?", ["copper", "wool", "milk", "paper"], LETTERS, "A"),
    ("A fish breathes with its", ["fins", "gills", "scales", "tail"], LETTERS, "B"),
    ("Rain falls from", ["wells", "roots", "clouds", "stones"], LETTERS, "C"),
])


def openbookqa(rows):
    return [
        {"id": f"7-{i}", "question_stem": q, "choices": {"text": texts, "label": LETTERS}, "answerKey": key}
        for i, (q, texts, key) in enumerate(rows)
    ]


OPENBOOKQA = openbookqa([
    ("A seed that gets no water", ["does not sprout", "sprouts at once", "turns to stone", "grows wings"], "A"),
    ("Thunder is heard after the flash because", ["ears are slow", "sound is slower than light", "clouds are soft", "light waits"], "B"),
    ("If a pond freezes, fish", ["live on under the ice", "skate on it", "become the ice", "leave by night"], " A"),
    ("A magnet will pull", ["a paper cup", "a cork", "a nail", "a pear"], "C"),
    ("To see far stars one uses", ["a spoon", "a comb", "a scale", "a telescope"], "D"),
])
OPENBOOKQA_TRAIN = openbookqa([
    ("Bees carry", ["pollen", "bricks", "thunder", "letters"], "A"),
    ("Salt in water", ["burns", "dissolves", "sings", "rusts"], "B"),
    ("The moon shines because", ["it burns", "it is wet", "it throws back sunlight", "it is new"], "C"),
    ("A tree drinks through its", ["roots", "bark", "nest", "shade"], "A"),
])


def parquet(path, rows, schema=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), path, compression="snappy")


def jsonl(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


def boolq(rows):
    return [{"question": q, "passage": p, "idx": i, "label": label} for i, (p, q, label) in enumerate(rows)]


def piqa(rows):
    return [{"goal": g, "sol1": a, "sol2": b, "label": label} for g, a, b, label in rows]


def hellaswag(rows):
    return [
        {"ind": i, "activity_label": act, "ctx_a": a, "ctx_b": b, "ctx": f"{a} {b}", "endings": e,
         "source_id": f"made-up~{i}", "split": "val", "split_type": "indomain", "label": label}
        for i, (act, a, b, e, label) in enumerate(rows)
    ]


def winogrande(rows):
    return [{"sentence": s, "option1": a, "option2": b, "answer": label} for s, a, b, label in rows]


def main():
    int64_label = pa.schema([("question", pa.string()), ("passage", pa.string()), ("idx", pa.int32()), ("label", pa.int64())])
    for split, rows in [("validation", BOOLQ), ("train", BOOLQ_TRAIN)]:
        parquet(DATA / f"super_glue/boolq/{split}-00000-of-00001.parquet", boolq(rows), int64_label)
    for split, rows in [("validation", PIQA), ("train", PIQA_TRAIN)]:
        jsonl(DATA / f"piqa/{split}.jsonl", piqa(rows))
    # Two shards: their order is that of their names.
    parquet(DATA / "hellaswag/data/validation-00000-of-00002.parquet", hellaswag(HELLASWAG)[:3])
    parquet(DATA / "hellaswag/data/validation-00001-of-00002.parquet", hellaswag(HELLASWAG)[3:])
    parquet(DATA / "hellaswag/data/train-00000-of-00001.parquet", hellaswag(HELLASWAG_TRAIN))
    for split, rows in [("validation", WINOGRANDE), ("train", WINOGRANDE_TRAIN)]:
        jsonl(DATA / f"winogrande_xl/{split}.jsonl", winogrande(rows))
    for name, rows in [("ARC-Easy", ARC_EASY), ("ARC-Challenge", ARC_CHALLENGE)]:
        parquet(DATA / f"ai2_arc/{name}/test-00000-of-00001.parquet", rows)
        parquet(DATA / f"ai2_arc/{name}/train-00000-of-00001.parquet", ARC_TRAIN)
    for split, rows in [("test", OPENBOOKQA), ("train", OPENBOOKQA_TRAIN)]:
        jsonl(DATA / f"openbookqa/main/{split}.jsonl", rows)


if __name__ == "__main__":
    main()
