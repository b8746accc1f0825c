"""The facts that a step promises without opening a picture are those of the pictures it makes."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from darkroom_shared.contract.steps import (
    Canvas,
    Composite,
    ContactSheet,
    Convert,
    Cover,
    Crop,
    Feather,
    Flatten,
    Grow,
    Invert,
    MaskFromAlpha,
    MaskFromColor,
    Pad,
    Palette,
    PaletteTransfer,
    PasteBack,
    Resize,
    StepSpec,
    ZoomOut,
)
from darkroom_shared.core.image_facts import ImageFacts
from darkroom_shared.images import inspect
from darkroom_worker.steps import run_step
from tests.unit.steps.pictures import encoded, noise, png

small = st.integers(1, 24)
margins = st.integers(0, 9)
colors = st.sampled_from(["#ffffff", "#000000", "#12ab34"])
palettes = st.sampled_from([["#000000", "#FFFFFF"], ["#12ab34"], ("#12ab34", "#ffffff", "#c02040")])


@st.composite
def pictures(draw: st.DrawFn) -> bytes:
    """An encoded picture of any mode and format that is accepted, noise or a pure mask."""
    width, height, seed = draw(small), draw(small), draw(st.integers(0, 5))
    mode = draw(st.sampled_from(["RGB", "RGBA", "L", "LA", "P", "1", "palette with alpha", "opaque RGBA", "mask", "16 bits"]))
    if mode == "palette with alpha":
        image = noise(width, height, "L", seed).convert("P")
        image.info["transparency"] = draw(st.integers(0, 255))
    elif mode == "opaque RGBA":
        image = noise(width, height, "RGB", seed).convert("RGBA")
    elif mode == "mask":
        image = noise(width, height, "L", seed).convert("1").convert("RGB")
    elif mode == "16 bits":
        image = Image.frombytes("I;16", (width, height), noise(2 * width, height, "L", seed).tobytes())
    else:
        image = noise(width, height, "L", seed).convert(mode) if mode in {"P", "1"} else noise(width, height, mode, seed)
    if image.mode in {"RGB", "L"} and draw(st.booleans()):
        return encoded(image, draw(st.sampled_from(["JPEG", "WEBP"])))
    return png(image)


resamples = st.sampled_from(["lanczos", "nearest"])
resizes = st.one_of(
    st.builds(Resize, width=small, height=small, resample=resamples),
    st.builds(Resize, longest_side=small, multiple_of=st.integers(1, 8), resample=resamples),
    st.builds(Resize, min_side=small, max_side=small, max_pixels=st.integers(1, 400), resample=resamples),
)


def crops(picture: ImageFacts) -> st.SearchStrategy[Crop]:
    """Every rectangle inside a picture."""
    return st.tuples(st.integers(0, picture.width - 1), st.integers(0, picture.height - 1)).flatmap(
        lambda at: st.builds(
            Crop,
            x=st.just(at[0]),
            y=st.just(at[1]),
            width=st.integers(1, picture.width - at[0]),
            height=st.integers(1, picture.height - at[1]),
        )
    )


def steps_on(first: ImageFacts, second: ImageFacts, third: ImageFacts) -> st.SearchStrategy[StepSpec]:
    """Every step that fits pictures with these facts."""
    fitting: list[st.SearchStrategy[StepSpec]] = [
        st.builds(Flatten, background=colors),
        st.builds(MaskFromAlpha, subject=st.sampled_from(["black", "white"]), threshold=st.integers(1, 255)),
        st.just(Invert()),
        resizes,
        st.builds(ZoomOut, width=small, height=small, scale=st.floats(0.01, 1), background=colors),
        st.builds(Pad, left=margins, right=margins, top=margins, bottom=st.integers(1, 9), background=colors),
        crops(first),
        st.builds(Cover, width=small, height=small, resample=resamples),
        st.builds(Palette, colors=palettes, width=st.integers(3, 24), height=small),
        st.builds(PaletteTransfer, colors=palettes, strength=st.sampled_from([0.0, 0.5, 1.0])),
        st.builds(MaskFromColor, colors=palettes, tolerance=st.integers(0, 255), subject=st.sampled_from(["black", "white"])),
        st.builds(Canvas, width=small, height=small, place=st.sampled_from(["center", "top", "right"]), background=colors),
        st.builds(
            ContactSheet, columns=st.none() | st.integers(1, 4), cell=st.integers(16, 30), gap=st.integers(0, 4), background=colors
        ),
        st.builds(Convert, format=st.sampled_from(["png", "webp"] if first.transparent else ["png", "webp", "jpeg"])),
    ]
    if not first.transparent:
        fitting.append(st.builds(Grow, part=st.sampled_from(["black", "white"]), pixels=st.integers(1, 20)))
        fitting.append(st.builds(Feather, radius=st.integers(1, 9)))
    if second.width <= first.width and second.height <= first.height:
        room = st.integers(0, first.width - second.width), st.integers(0, first.height - second.height)
        fitting.append(st.builds(Composite, x=room[0], y=room[1]))
    if not third.transparent:
        fitting.append(st.builds(PasteBack, kept=st.sampled_from(["black", "white"]), feather=st.integers(0, 9)))
    return st.one_of(fitting)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_promised_facts_are_the_facts_of_the_result(data: st.DataObject) -> None:
    images = [data.draw(pictures()) for _ in range(3)]
    facts = [inspect(image, mask=True) for image in images]
    spec = data.draw(steps_on(*facts))
    count = data.draw(st.integers(1, 3)) if spec.most_inputs else spec.inputs
    promised = spec.output_facts(facts[:count])
    found = [inspect(image, mask=True) for image in run_step(spec, images[:count])]
    assert len(promised) == len(found) == spec.outputs
    for before, after in zip(promised, found, strict=True):
        # The three things that cannot be promised exactly: the file's length; transparency, an upper bound; purity, a lower one.
        assert before.transparent or not after.transparent
        assert not before.black_and_white or after.black_and_white
        assert replace(before, black_and_white=None, transparent=False) == replace(
            after, black_and_white=None, transparent=False, size_bytes=0
        )


def test_a_chain_is_checked_without_opening_a_picture() -> None:
    """Cut-out, flattened, zoomed out; and its mask, scaled alike: sizes agree and nothing transparent is left."""
    cut = ImageFacts(1000, 750, "PNG", "RGBA", 123, transparent=True)
    [flat] = Flatten().output_facts([cut])
    canvas, mask = ZoomOut(width=1024, height=1024, scale=0.5).output_facts([flat])
    assert canvas == ImageFacts(1024, 1024, "PNG", "RGB", 0)
    assert mask == ImageFacts(1024, 1024, "PNG", "RGB", 0, black_and_white=True)
    [alpha] = MaskFromAlpha(subject="black").output_facts([cut])
    [scaled] = Resize(width=512, height=384, resample="nearest").output_facts([alpha])
    assert scaled == ImageFacts(512, 384, "PNG", "RGB", 0, black_and_white=True)
