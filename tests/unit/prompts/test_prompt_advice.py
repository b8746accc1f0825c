"""What is said about prompts, rule by rule: words that each rule must find, and words that it must leave alone."""

from __future__ import annotations

import pytest

from darkroom_shared.models.catalogue import MODELS, find_model
from darkroom_shared.plan.advice import Advice, advise
from darkroom_shared.task_types import TASK_TYPES, task_type_of
from tests.support.bodies import JUDGED, NOVA, SAMPLE_NAMES, TITAN_V2, Body, edited, sample

CORE = "stability.stable-image-core-v1:1"
SDXL = "stability.stable-diffusion-xl-v1"
REPLACE = "us.stability.stable-image-search-replace-v1:0"
RECOLOR = "us.stability.stable-image-search-recolor-v1:0"
OUTPAINT = "us.stability.stable-outpaint-v1:0"


def told(body: Body, model: str = NOVA) -> list[Advice]:
    return advise(find_model(model), body)


def text_image(text: str, negative: str | None = None) -> Body:
    params = {"text": text} if negative is None else {"text": text, "negativeText": negative}
    return {"taskType": "TEXT_IMAGE", "textToImageParams": params}


def inpainting(mask: str, text: str | None = "a wooden chair in the sun") -> Body:
    params = {"maskPrompt": mask} if text is None else {"maskPrompt": mask, "text": text}
    return {"taskType": "INPAINTING", "inPaintingParams": params}


def codes(body: Body, model: str = NOVA) -> set[str]:
    return {advice.code for advice in told(body, model)}


@pytest.mark.parametrize(
    "text",
    [
        "a street at dawn with no cars",
        "a beach without people, soft light",
        "a portrait of a man, not smiling",
        "a quiet harbour, NO BOATS",
        "a city street, don\u2019t show any people",
        "a dog on a sofa, avoid blur",
        "a table with nothing on it",
        "a man in a suit that isn't black",
        'a sign that says "OPEN", without any people',
        "an empty square with nobody in it",
    ],
)
def test_a_negation_in_a_prompt_is_found(text: str) -> None:
    [advice] = [advice for advice in told(text_image(text)) if advice.code == "negation"]
    assert advice.pointer == "/textToImageParams/text"
    assert "negativeText" in advice.suggestion


@pytest.mark.parametrize(
    "text",
    [
        'a shop sign that says "NO ENTRY" above a wooden door',
        "a shop sign that says 'no entry' above a wooden door",
        "a bottle of perfume No. 5 on marble",
        "a train on platform no 7 in the rain",
        "a blue forget-me-not in a vase",
        "a field of forget me not flowers",
        "a poster in the style of No Country for Old Men",
        "a red NO SMOKING sign on a brick wall",
        "a sailor tying a knot, notes and nothingness in the north",
        "the face of Dr. No in a mirror",
        "a large dog, not only cute but also brave",
        "a never-ending staircase in a white hall",
        "whether or not it rains, a bright umbrella",
        'a 12" record and "no" in neon, red and blue light',
        "a waiter carrying a sugar-free cake, no doubt delicious",
        "Casanova in a Venetian piano bar",
    ],
)
def test_what_only_looks_like_a_negation_is_left_alone(text: str) -> None:
    assert "negation" not in codes(text_image(text))


@pytest.mark.parametrize("negative", ["no people", "blurry, without hands", "don't add text", "not realistic, low quality"])
def test_a_negation_in_a_negative_text_is_found_there(negative: str) -> None:
    [advice] = [advice for advice in told(text_image("a quiet street at dawn", negative)) if advice.code == "negation"]
    assert advice.pointer == "/textToImageParams/negativeText"
    assert "alone" in advice.suggestion


@pytest.mark.parametrize(
    "negative", ["people, cars", "blurry hands", "knots", "nose ring", '"no entry"', "noise, notebooks", "low quality, nobles"]
)
def test_a_negative_text_that_names_things_is_left_alone(negative: str) -> None:
    assert "negation" not in codes(text_image("a quiet street at dawn", negative))


@pytest.mark.parametrize(
    "text",
    [
        "Generate an image of a red boat on a lake",
        "create logo for a bakery in Vienna",
        "Please, a photo of a cat on a roof",
        "Can you draw a castle on a hill",
        "draw me a sheep on a green hill",
        "I want a picture of the sea at night",
        "add a hat to the man in the middle",
        "Show the harbour at dawn with boats",
        "make a photo of two dogs in the snow",
    ],
)
def test_an_order_in_place_of_a_caption_is_found(text: str) -> None:
    assert "command" in codes(text_image(text))


@pytest.mark.parametrize(
    "text",
    [
        "a painter who is about to draw a castle",
        "photo of a cat on a roof",
        "a woman creating a logo at her desk",
        "show jumping horses at a fair",
        "paint splashes on a grey wall",
        "make-up artist at work in a studio",
        "design of a wooden chair, side view",
        "render of a modern house at dusk",
        "produce stand at the market, ripe fruit",
        "change purse on an oak table",
        "pleased child with a kite",
        '"Create a better world" in neon letters on a wall',
    ],
)
def test_a_caption_is_left_alone(text: str) -> None:
    assert "command" not in codes(text_image(text))


def test_an_order_to_remove_is_answered_by_leaving_the_text_out() -> None:
    [advice] = told(inpainting("the dog on the left", "remove the dog from the sofa"))
    assert (advice.code, "leave the text out" in advice.suggestion) == ("command", True)


@pytest.mark.parametrize(
    "text",
    [
        "eine rote Katze auf dem Sofa mit Kissen",
        "un chat noir dans une rue sous la pluie",
        "un perro con una pelota en la playa",
        "um gato com uma bola na praia",
        "una donna con un cappello sulla spiaggia",
        "een kat op het dak van een huis",
        "красная лодка на озере",
        "雪の中の赤い鳥居",
        "قارب أحمر على بحيرة",
    ],
)
def test_another_language_is_told_to_models_that_read_english(text: str) -> None:
    assert codes(text_image(text)) == {"language"}
    assert codes(text_image(text), TITAN_V2) == {"language"}
    assert codes({"taskType": "STABLE_IMAGE", "prompt": text}, CORE) == set()


@pytest.mark.parametrize(
    "text",
    [
        "a street in Rio de Janeiro, Playa del Carmen style",
        "the Château de la Roche in fog, oil on canvas",
        "a café by the sea, crème brûlée on the table",
        "cyclists of the Tour de France in the Alps",
        "Vincent van Gogh painting of a starry night",
        "a π symbol and a Δ on a green chalkboard",
        "a con artist in a UN meeting",
        'a poster with the words "без названия" in red letters above a door',
        "spaghetti con carne on a plate",
        "Die Hard poster, a man on a roof",
    ],
)
def test_english_with_foreign_names_is_left_alone(text: str) -> None:
    assert "language" not in codes(text_image(text))


@pytest.mark.parametrize("text", ["boat", "a boat", "red sailboat", "the sea"])
def test_a_prompt_of_a_word_or_two_is_told_to_somebody_who_asks(text: str) -> None:
    [advice] = told(text_image(text))
    assert (advice.code, advice.is_taste) == ("short", True)


@pytest.mark.parametrize(
    ("body", "model"),
    [
        (text_image("a red sailboat"), NOVA),
        (text_image('"OPEN"'), NOVA),
        (inpainting("the old chair", "a boat"), NOVA),
        ({"taskType": "SEARCH_AND_REPLACE", "prompt": "a boat", "search_prompt": "car"}, REPLACE),
        ({"taskType": "STABLE_OUTPAINT", "left": 10, "prompt": "sea"}, OUTPAINT),
        (text_image("a red sailboat at sea", "boats"), NOVA),
    ],
)
def test_a_few_words_are_enough_for_a_part_of_a_picture(body: Body, model: str) -> None:
    assert "short" not in codes(body, model)


WORDS = "a lighthouse above a rocky coast beneath drifting clouds while seven gulls circle beside wooden fishing vessels "


def _long(length: int) -> str:
    return (WORDS * 100)[: length - 1] + "x"


@pytest.mark.parametrize(("model", "length"), [(NOVA, 1024), (NOVA, 922), (TITAN_V2, 512), (TITAN_V2, 461)])
def test_a_prompt_near_the_limit_of_its_model_is_told(model: str, length: int) -> None:
    [advice] = [advice for advice in told(text_image(_long(length)), model) if advice.code == "near_limit"]
    assert str(length) in advice.message


@pytest.mark.parametrize(
    ("model", "length"), [(NOVA, 921), (NOVA, 512), (TITAN_V2, 460), (TITAN_V2, 100), (NOVA, 1025), (TITAN_V2, 513)]
)
def test_a_prompt_far_from_the_limit_or_beyond_it_is_not(model: str, length: int) -> None:
    assert "near_limit" not in codes(text_image(_long(length)), model)


@pytest.mark.parametrize(
    "text",
    [
        "a shop sign that says Open All Day in red",
        "a t-shirt with the text Hello World on it",
        "a banner saying happy birthday over a table",
        "a poster that reads SALE in a window",
        "a mug with the words: best dad, on a desk",
        "a neon sign reading Diner by a road",
        "a book titled Lost Shores on a shelf",
    ],
)
def test_text_without_quotes_is_found(text: str) -> None:
    assert "unquoted_text" in codes(text_image(text))


@pytest.mark.parametrize(
    "text",
    [
        'a shop sign that says "Open All Day" in red',
        "a banner saying 'happy birthday' over a table",
        'a poster that reads, in big red letters, "SALE"',
        "a woman reads a book in a park",
        "two friends saying goodbye at a station",
        "a girl reading under a tree with a book",
        "a page with the text in two columns",
        "a labeled diagram of a flower, ink on paper",
        "a robot that says hello to a child",
        "a wall with the words of a poem in chalk",
        "a “Diner” sign by a road at night",
    ],
)
def test_quoted_text_and_reading_people_are_left_alone(text: str) -> None:
    assert "unquoted_text" not in codes(text_image(text))


@pytest.mark.parametrize("mask", ["it", "this", "the object", "the main object in the picture", "thing", "this area", "everything"])
def test_a_mask_prompt_that_names_nothing_is_found(mask: str) -> None:
    assert codes(inpainting(mask)) == {"vague_mask"}


@pytest.mark.parametrize(
    "mask", ["dog", "the sky", "background", "the object on the table", "all windows", "the man in this photo"]
)
def test_a_mask_prompt_that_names_something_is_left_alone(mask: str) -> None:
    assert codes(inpainting(mask)) == set()


@pytest.mark.parametrize(
    ("mask", "text"),
    [("a red car", "a red car"), ("red cars", "a red car"), ("the green chair", "green chair"), ("Dog", "the dog")],
)
def test_a_mask_prompt_with_the_words_of_the_text_is_found(mask: str, text: str) -> None:
    assert codes(inpainting(mask, text)) == {"mask_like_text"}
    body: Body = {"taskType": "SEARCH_AND_REPLACE", "prompt": text, "search_prompt": mask}
    assert [(advice.pointer, advice.code) for advice in told(body, REPLACE)] == [("/search_prompt", "mask_like_text")]


@pytest.mark.parametrize(
    ("mask", "text"),
    [
        ("car", "a red car"),
        ("the dog", "a cat"),
        ("the dog", "a dog on a beach at dawn"),
        ("red car", "blue car"),
        ("the chair", None),
        ("the sofa on the left", "the sofa on the right"),
    ],
)
def test_a_mask_prompt_with_words_of_its_own_is_left_alone(mask: str, text: str | None) -> None:
    assert codes(inpainting(mask, text)) == set()


@pytest.mark.parametrize("mask", ["remove the car", "replace the sky with clouds", "select the dog", "mask all windows"])
def test_an_order_in_a_mask_prompt_is_found(mask: str) -> None:
    assert codes(inpainting(mask)) == {"command"}


@pytest.mark.parametrize(
    "mask", ["the removed tiles", "paint bucket", "face mask", "change purse", "add-on lens", "put options board"]
)
def test_a_mask_prompt_with_a_verb_in_a_noun_is_left_alone(mask: str) -> None:
    assert codes(inpainting(mask)) == set()


@pytest.mark.parametrize(
    ("text", "negative"),
    [
        ("a red boat on a lake", "boat"),
        ("a dog and two cats in a garden", "blurry, cat"),
        ("a wide street with cars, evening light", "people, evening light"),
        ("an oil painting of a tree", "oil painting, cartoon"),
    ],
)
def test_a_negative_text_that_forbids_what_the_text_asks_for_is_found(text: str, negative: str) -> None:
    [advice] = told(text_image(text, negative))
    assert (advice.pointer, advice.code) == ("/textToImageParams/negativeText", "contradiction")


@pytest.mark.parametrize(
    ("text", "negative"),
    [
        ("a red boat on a lake", "blurry, people"),
        ("a black cat on a white sofa", "black and white"),
        ("a street with a blurred background", "blurry background"),
        ("a red boat on a lake", "blue boat"),
        ('a sign with "BOAT" on it', "boat"),
        ("a catalogue on a table", "cat"),
        ("a clock tower by the sea", "low quality, bad hands"),
    ],
)
def test_a_negative_text_about_other_things_is_left_alone(text: str, negative: str) -> None:
    assert codes(text_image(text, negative)) == set()


def test_what_a_text_denies_itself_is_no_contradiction() -> None:
    assert codes(text_image("a street at dawn with no cars", "cars")) == {"negation"}


def guided(text: str, *colors: str) -> Body:
    return {"taskType": "COLOR_GUIDED_GENERATION", "colorGuidedGenerationParams": {"text": text, "colors": list(colors)}}


@pytest.mark.parametrize(
    ("text", "colors"),
    [
        ("a red house by the sea", ["#0000FF", "#00AA00"]),
        ("a green meadow with flowers", ["#FF0000"]),
        ("a blue door in a wall", ["#FFAA00", "#FF0000"]),
        ("a pink dress on a stand", ["#00FF00", "#808080"]),
        ("a yellow taxi in the rain", ["#222222", "#EEEEEE"]),
    ],
)
def test_a_colour_that_is_far_from_the_list_is_found(text: str, colors: list[str]) -> None:
    assert codes(guided(text, *colors)) == {"color"}


@pytest.mark.parametrize(
    ("text", "colors"),
    [
        ("a red house by the sea", ["#CC2200", "#0000FF"]),
        ("a teal door in a wall", ["#0066AA"]),
        ("a house by the Red Sea", ["#0000FF"]),
        ("a black and white cat on a rug", ["#FF0000"]),
        ("an orange on a silver plate", ["#0000FF"]),
        ('a sign with "red" on a wall', ["#0000FF"]),
        ("a purple flower in a vase", ["#8822CC", "#FFFFFF"]),
        ("a red house by the sea", ["blue"]),
        ("a red house by the sea", []),
    ],
)
def test_a_colour_that_is_near_or_that_is_none_is_left_alone(text: str, colors: list[str]) -> None:
    assert codes(guided(text, *colors)) == set()


@pytest.mark.parametrize(
    "text",
    [
        "a very very very old house on a hill",
        "a boat on the the lake at dawn",
        "a cat, ultra sharp fur, a sofa, ultra sharp fur",
        "car red car blue car fast car car",
    ],
)
def test_repeated_words_are_found(text: str) -> None:
    assert codes(text_image(text)) == {"repetition"}


@pytest.mark.parametrize(
    "text",
    [
        "a red, white and red striped flag on a mast",
        "a man in a red coat and a woman in a red hat with a red bag",
        "a very very old house on a hill",
        "New York, New York skyline, wide view",
        "a cat in a box in a box on a shelf",
        "a dog and a cat and a bird on a fence",
        "rows and rows and rows of tulips",
    ],
)
def test_usual_repetitions_are_left_alone(text: str) -> None:
    assert "repetition" not in codes(text_image(text))


@pytest.mark.parametrize(
    "text",
    [
        "a knight, masterpiece, best quality, 8k, uhd, highly detailed",
        "a castle on a hill, 4k, 8k, ultra-detailed, sharp focus, octane render",
        "(masterpiece:1.3), (best quality), a girl by a window, hdr, uhd, intricate",
        "cat, award-winning, trending on artstation, hyperrealistic, 8k, masterpiece",
    ],
)
def test_a_pile_of_praise_is_found(text: str) -> None:
    assert codes({"taskType": "STABLE_IMAGE", "prompt": text}, CORE) == {"keywords"}


@pytest.mark.parametrize(
    "text",
    [
        "a knight in armour, 8k, highly detailed, sharp focus",
        "a photorealistic portrait of a sailor in the rain",
        "an intricate lace pattern, high quality",
        "(a red boat:1.4) on a lake, (mist:0.8), dawn, cold light, wide view",
        "a masterpiece of gothic architecture at dusk",
        "a 4k television in a living room, octane fuel poster",
    ],
)
def test_a_few_words_of_praise_and_weights_are_left_alone(text: str) -> None:
    assert codes({"taskType": "STABLE_IMAGE", "prompt": text}, CORE) == set()


def test_every_place_of_a_prompt_is_read() -> None:
    sdxl: Body = {
        "taskType": "SDXL_IMAGE",
        "text_prompts": [{"text": "a lake with no boats"}, {"text": "no boats at all", "weight": -1}],
    }
    assert [(advice.pointer, advice.code) for advice in told(sdxl, SDXL)] == [
        ("/text_prompts/0/text", "negation"),
        ("/text_prompts/1/text", "negation"),
    ]
    recolor: Body = {
        "taskType": "SEARCH_AND_RECOLOR",
        "prompt": "a car, not red",
        "negative_prompt": "no rust",
        "select_prompt": "it",
    }
    assert [advice.pointer for advice in told(recolor, RECOLOR)] == ["/prompt", "/negative_prompt", "/select_prompt"]
    try_on: Body = {"taskType": "VIRTUAL_TRY_ON", "virtualTryOnParams": {"promptBasedMask": {"maskPrompt": "this"}}}
    assert [advice.pointer for advice in told(try_on)] == ["/virtualTryOnParams/promptBasedMask/maskPrompt"]


def test_a_message_never_quotes_more_than_two_words_of_a_prompt() -> None:
    secret = "a hush-hush prototype of the zeppelin9000"
    long_word = "x" * 60
    bodies = [
        text_image(f"Create {secret} with no wings, {secret}", secret),
        text_image(f"a sign that says {long_word} on a wall"),
        inpainting(f"remove the {secret}", secret),
    ]
    for body in bodies:
        found = told(body)
        assert found
        assert all("zeppelin9000" not in str(advice) and long_word not in str(advice) for advice in found)


def test_an_advice_reads_as_one_sentence() -> None:
    [advice] = told(text_image("a street at dawn with no cars"))
    assert str(advice) == (
        '/textToImageParams/text: image models do not understand "no"; describe what is to be seen, and put what is unwanted into '
        "negativeText without a negation."
    )


@pytest.mark.parametrize("name", SAMPLE_NAMES)
def test_the_documented_bodies_get_no_advice(name: str) -> None:
    body = sample(name)
    task = task_type_of(body)
    assert task is not None
    model = next(model for model in MODELS.values() if task.name in model.task_types)
    assert [advice for advice in advise(model, body) if not advice.is_taste] == []


@pytest.mark.parametrize(
    "value", [None, 7, [], {}, ["no cars"], {"text": "no cars"}, "", "   ", "\0", "\ud800", "()", '"', "'" * 900]
)
def test_a_body_of_any_shape_gets_an_answer(value: object) -> None:
    for name in SAMPLE_NAMES:
        body = sample(name)
        for key in [key for key in body if key != "taskType"]:
            for model in JUDGED:
                told(edited(body, f"/{key}", value), model.id)
    for params in ("textToImageParams", "prompt", "text_prompts"):
        for task in TASK_TYPES:
            told({"taskType": task, params: value})


def test_a_task_whose_text_is_no_picture_gets_no_advice() -> None:
    assert told({"taskType": "DESCRIBE", "prompt": "Please do not say no"}) == []
